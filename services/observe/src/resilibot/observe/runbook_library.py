"""runbook_library: the one search for runbooks, of the live service and of the eval: keeps index and vectors ready.

A chunk is encoded once: vectors are kept under (model, hash of the chunk). Without an encoder, or as long as not all
is encoded, the answer goes by words alone and says why.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.observe.runbook_ports import (
    Encoder,
    EncoderUnavailable,
    NoVectors,
    Runbook,
    VectorStore,
    VectorsUnavailable,
)
from resilibot.observe.runbook_search import Hit, Index
from resilibot.observe.runbook_text import plain

log = logging.getLogger(__name__)

TOP = 10
AT_ONCE = 16  # chunks encoded between two looks at the clock


@dataclass(frozen=True)
class Ranking:
    hits: list[Hit]  # best first
    words_alone: str  # why meaning was not asked; "" if it was
    unreadable: list[str]  # runbooks that could not be read as what they claim to be

    @property
    def best(self) -> Hit | None:
        """None if not even the first fits."""
        return self.hits[0] if self.hits and self.hits[0].fits else None

    @property
    def manner(self) -> str:
        return f"by words alone: {self.words_alone}" if self.words_alone else "by words and meaning"


class RunbookLibrary:
    """`encode_s`: time that one search may spend on encoding new chunks; the next one goes on. None: all of it."""

    def __init__(
        self, encoder: Encoder | None = None, vectors: VectorStore | None = None, encode_s: float | None = None
    ) -> None:
        self._encoder = encoder
        self._store = vectors or NoVectors()
        self._encode_s = encode_s
        self._lock = threading.Lock()
        self._corpus: list[tuple[str, str, str, str, str]] | None = None
        self._index = Index([])
        self._hashes: list[str] = []
        self._known: dict[str, bytes] | None = None

    @property
    def has_encoder(self) -> bool:
        return self._encoder is not None

    def rank(self, query: str, runbooks: Sequence[Runbook], most: int = TOP) -> Ranking:
        with self._lock:
            index, vectors, why_not = self._ready(runbooks)
        query, cosines = plain(query), None
        if self._encoder is not None and vectors is not None:
            try:
                cosines = self._encoder.similarities(query, vectors)
            except EncoderUnavailable as error:
                why_not = str(error)
        return Ranking(index.search(query, cosines, most), why_not, index.unreadable)

    def _ready(self, runbooks: Sequence[Runbook]) -> tuple[Index, list[bytes] | None, str]:
        """The index, and a vector for each of its chunks or the reason why not."""
        corpus = [(r.key, r.version_id, r.filename, r.title, r.text) for r in runbooks]
        if corpus != self._corpus:
            self._index, self._corpus = Index(runbooks), corpus
            self._hashes = [hashlib.sha256(chunk.encode()).hexdigest() for chunk in self._index.chunks]
        if self._encoder is None:
            return self._index, None, "no encoder is set up"
        try:
            known = self._encoded(self._encoder)
        except EncoderUnavailable as error:
            return self._index, None, str(error)
        missing = sum(one not in known for one in self._hashes)
        if missing:
            why_not = f"{missing} of {len(self._hashes)} chunks of the runbooks are not encoded yet"
            return self._index, None, why_not
        return self._index, [known[one] for one in self._hashes], ""

    def _encoded(self, encoder: Encoder) -> dict[str, bytes]:
        """Vectors by chunk hash, after as much encoding as the time allows. Raises EncoderUnavailable."""
        model = encoder.model()
        known = self._known if self._known is not None else self._stored(model)
        self._known = known
        wanted = dict(zip(self._hashes, self._index.chunks, strict=True))
        new = sorted((one for one in wanted if one not in known), key=lambda one: (len(wanted[one]), one))
        end = time.monotonic() + self._encode_s if self._encode_s is not None else float("inf")
        for start in range(0, len(new), AT_ONCE):
            if time.monotonic() >= end:
                break
            some = new[start : start + AT_ONCE]
            known.update(zip(some, encoder.embed([wanted[one] for one in some]), strict=True))
        if new:
            self._keep(model, known)
        return known

    def _stored(self, model: str) -> dict[str, bytes]:
        try:
            return self._store.read(model)
        except VectorsUnavailable as error:
            log.warning("vectors of runbooks are computed anew: %s", error)
            return {}

    def _keep(self, model: str, known: dict[str, bytes]) -> None:
        # debt: vectors of runbooks that are gone stay, 1.6 kB each; fine below some 10,000 versions
        try:
            self._store.write(model, known)
        except VectorsUnavailable as error:
            log.warning("vectors of runbooks are not kept: %s", error)
