"""runbook_ports: what the search for runbooks needs from the world.

EncoderUnavailable   there is no encoder here, or it does not load; runbooks are then found by words alone
VectorsUnavailable   stored vectors cannot be read or written; they are then computed anew
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


class EncoderUnavailable(Exception):
    code: ClassVar[str] = "encoder_unavailable"


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
    """Texts as vectors. A text's vector depends on that text alone, not on what is encoded beside it."""

    def model(self) -> str:
        """The hash of all that a vector depends on beside the text. Raises EncoderUnavailable."""
        ...

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """One vector per text, in order, all of the same size. Raises EncoderUnavailable."""
        ...

    def similarities(self, query: str, vectors: Sequence[bytes]) -> list[float]:
        """Cosine of the query with each vector. Raises EncoderUnavailable."""
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
