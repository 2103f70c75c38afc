"""runbook_ports: what the search for runbooks needs from the world.

EncoderUnavailable   there is no encoder here, it fails, or has not encoded all yet; runbooks are then found by words
IndexUnavailable     the index of vectors cannot be asked, or its answer makes no sense; then by words alone, too
VectorsUnavailable   stored vectors cannot be read or written; they are then computed anew
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from resilibot.contracts.evidence import GapReason


class EncoderUnavailable(Exception):
    code: ClassVar[str] = "encoder_unavailable"

    def __init__(self, detail: str, reason: GapReason = "not_configured") -> None:
        super().__init__(detail)
        self.reason: GapReason = reason


class IndexUnavailable(Exception):
    code: ClassVar[str] = "vector_index_unavailable"

    def __init__(self, reason: GapReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: GapReason = reason


class VectorsUnavailable(Exception):
    code: ClassVar[str] = "vectors_unavailable"


@dataclass(frozen=True)
class Runbook:
    key: str
    version_id: str
    text: str  # untrusted
    query: dict[str, Any]
    title: str = ""  # where the source knows it apart from the text
    filename: str = ""  # what tells its format, where the key does not


class RunbookSource(Protocol):
    name: str

    def all(self) -> list[Runbook]: ...


class Encoder(Protocol):
    """Texts as vectors: float32, little-endian. A text's vector depends on that text alone, not on its neighbours."""

    def model(self) -> str:
        """The hash of all that a vector depends on beside the text. Raises EncoderUnavailable."""
        ...

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """One vector per text, in order, all of the same size. Raises EncoderUnavailable."""
        ...

    def query(self, text: str) -> bytes:
        """The vector to compare those of `embed` with, of the same size. Raises EncoderUnavailable."""
        ...


class VectorIndex(Protocol):
    """Which chunks are nearest in meaning. A chunk is known by the hash of its text, its vector by model and hash.

    `chunks` is always the whole library of the moment: what it lacks is gone. Every call raises IndexUnavailable.
    """

    name: str  # as evidence tells it; "" for the comparison in this process

    def missing(self, model: str, chunks: Collection[str]) -> set[str]:
        """Those of which there is no vector yet."""
        ...

    def add(self, model: str, vectors: Mapping[str, bytes]) -> None: ...

    def nearest(self, model: str, query: bytes, chunks: Sequence[str]) -> dict[str, float]:
        """Cosine with the query by chunk: of all chunks, or of the nearest where the index gives so many only.

        Of no chunk that is not in `chunks`.
        """
        ...


class VectorStore(Protocol):
    """Vectors by (model, hash of the text), so that a text is encoded once."""

    def read(self, model: str) -> dict[str, bytes]:
        """All vectors of a model; none is no error. Raises VectorsUnavailable."""
        ...

    def write(self, model: str, vectors: Mapping[str, bytes]) -> None:
        """Store these in place of what was stored. Raises VectorsUnavailable."""
        ...


class NoVectors:
    """Remembers nothing."""

    def read(self, model: str) -> dict[str, bytes]:
        return {}

    def write(self, model: str, vectors: Mapping[str, bytes]) -> None:
        return None
