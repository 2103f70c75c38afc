"""exact_index: the query compared with every chunk, in this process. Vectors are kept in a store between processes."""

import logging
from collections.abc import Collection, Mapping, Sequence

from resilibot.observe.runbook_ports import NoVectors, VectorStore, VectorsUnavailable

log = logging.getLogger(__name__)


class ExactIndex:
    """A VectorIndex that always answers: a store that fails costs computing time, and no answer."""

    name = ""

    def __init__(self, store: VectorStore | None = None) -> None:
        self._store = store or NoVectors()
        self._known: tuple[str, dict[str, bytes]] | None = None  # model, and its vectors by chunk

    def missing(self, model: str, chunks: Collection[str]) -> set[str]:
        known = self._vectors(model)
        return {one for one in chunks if one not in known}

    def add(self, model: str, vectors: Mapping[str, bytes]) -> None:
        # debt: vectors of runbooks that are gone stay, 1.6 kB each; fine below some 10,000 versions
        known = self._vectors(model)
        known.update(vectors)
        try:
            self._store.write(model, known)
        except VectorsUnavailable as error:
            log.warning("vectors of runbooks are not kept: %s", error)

    def nearest(self, model: str, query: bytes, chunks: Sequence[str]) -> dict[str, float]:
        import numpy as np  # of the extra `dense`, as the encoder is

        if not chunks:
            return {}
        known = self._vectors(model)
        stacked = np.frombuffer(b"".join(known[one] for one in chunks), dtype="<f4").reshape(len(chunks), -1)
        # not `@`: its BLAS threads wait for each other, 8 ms where other processes are busy too
        cosines: list[float] = np.vecdot(stacked, np.frombuffer(query, dtype="<f4")).tolist()
        return dict(zip(chunks, cosines, strict=True))

    def _vectors(self, model: str) -> dict[str, bytes]:
        if self._known is None or self._known[0] != model:
            self._known = (model, self._stored(model))
        return self._known[1]

    def _stored(self, model: str) -> dict[str, bytes]:
        try:
            return self._store.read(model)
        except VectorsUnavailable as error:
            log.warning("vectors of runbooks are computed anew: %s", error)
            return {}
