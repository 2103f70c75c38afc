"""runbook_library: the one search for runbooks, of the live service and of the eval: keeps index and vectors ready.

A chunk is encoded once: the index of vectors has it under (model, hash of the chunk). Without an encoder, as long as
not all is encoded, or while that index does not answer, the answer goes by words alone and says why.
"""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilibot.contracts.evidence import GapReason
from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.runbook_ports import Encoder, EncoderUnavailable, IndexUnavailable, Runbook, VectorIndex
from resilibot.observe.runbook_search import Hit, Index
from resilibot.observe.runbook_text import plain
from resilibot.observe.words import apart

TOP = 10
AT_ONCE = 16  # chunks encoded between two looks at the clock


@dataclass(frozen=True)
class Ranking:
    hits: list[Hit]  # best first
    words_alone: str  # why meaning was not asked; "" if it was
    unreadable: list[str]  # runbooks that could not be read as what they claim to be
    reason: GapReason = "not_configured"  # why meaning was not asked, as a gap has it
    index: str = ""  # which index was asked for meaning; "": the comparison in this process

    @property
    def best(self) -> Hit | None:
        """None if not even the first fits."""
        return self.hits[0] if self.hits and self.hits[0].fits else None

    @property
    def manner(self) -> str:
        if self.words_alone:
            return f"by words alone: {self.words_alone}"
        return f"by words and meaning (by {self.index})" if self.index else "by words and meaning"


class RunbookLibrary:
    """`encode_s`: time that one search may spend on encoding new chunks; the next one goes on. None: all of it."""

    def __init__(
        self, encoder: Encoder | None = None, vectors: VectorIndex | None = None, encode_s: float | None = None
    ) -> None:
        self._encoder = encoder
        self._vectors = vectors or ExactIndex()
        self._encode_s = encode_s
        self._lock = threading.Lock()
        self._corpus: list[tuple[str, str, str, str, str]] | None = None
        self._index = Index([])
        self._hashes: list[str] = []

    @property
    def has_encoder(self) -> bool:
        return self._encoder is not None

    def rank(self, query: str, runbooks: Sequence[Runbook], most: int = TOP) -> Ranking:
        query = plain(query)
        with self._lock:
            index, hashes = self._indexed(runbooks)
        try:
            cosines = self._cosines(query, index, hashes)
        except (EncoderUnavailable, IndexUnavailable) as error:
            return Ranking(index.search(query, None, most), str(error), index.unreadable, error.reason)
        return Ranking(index.search(query, cosines, most), "", index.unreadable, index=self._vectors.name)

    def _indexed(self, runbooks: Sequence[Runbook]) -> tuple[Index, list[str]]:
        """The index, and the hash of each of its chunks."""
        corpus = [(r.key, r.version_id, r.filename, r.title, r.text) for r in runbooks]
        if corpus != self._corpus:
            self._index, self._corpus = Index(runbooks), corpus
            self._hashes = [hashlib.sha256(chunk.encode()).hexdigest() for chunk in self._index.chunks]
        return self._index, self._hashes

    def _cosines(self, query: str, index: Index, hashes: Sequence[str]) -> list[float | None]:
        """Of each chunk; None where it is not among the nearest. Raises EncoderUnavailable, IndexUnavailable."""
        if self._encoder is None:
            raise EncoderUnavailable("no encoder is set up")
        model = self._encoder.model()
        if not hashes:
            return []
        chunks = dict(zip(hashes, index.chunks, strict=True))
        with self._lock:  # two searches at once do not encode the same chunks twice
            left = self._left(self._encoder, model, chunks)
        if left:
            lacking = sum(one in left for one in hashes)
            raise EncoderUnavailable(f"{lacking} of {len(hashes)} chunks of the runbooks are not encoded yet")
        found = self._vectors.nearest(model, self._encoder.query(apart(query)), list(chunks))
        return [found.get(one) for one in hashes]

    def _left(self, encoder: Encoder, model: str, chunks: Mapping[str, str]) -> set[str]:
        """The chunks without a vector, after as much encoding as the time allows, the short ones first."""
        missing = self._vectors.missing(model, chunks.keys())
        new = sorted(missing, key=lambda one: (len(chunks[one]), one))
        end = time.monotonic() + self._encode_s if self._encode_s is not None else float("inf")
        vectors: dict[str, bytes] = {}
        for start in range(0, len(new), AT_ONCE):
            if time.monotonic() >= end:
                break
            some = new[start : start + AT_ONCE]
            vectors.update(zip(some, encoder.embed([chunks[one] for one in some]), strict=True))
        if vectors:
            self._vectors.add(model, vectors)
        return missing - vectors.keys()
