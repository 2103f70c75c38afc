"""checkpoint: a signed statement of where every stream ended at one moment, kept outside of the event store. Pure.

CheckpointRefused   not ours: another format, algorithm or key, a signature or root that does not fit (never retry)

Format, canonical JSON: {"leaves": [[stream, version, hash], ...], "public_key": hex, "signature": hex,
"statement": text}. The statement is canonical JSON too, kept as the exact text that is signed with Ed25519 (RFC 8032):
{"algorithm": "ed25519", "format": "resilibot.checkpoint.v1", "key_id", "number", "previous_root", "root", "size",
"taken_at"}. key_id is the sha256 of the 32 bytes of the public key. Whoever knows the root can show one leaf without
showing the others (merkle.py).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError

from resilibot.contracts.canonical import GENESIS, canonical
from resilibot.contracts.event import UtcTime, Value
from resilibot.runtime.audit import merkle
from resilibot.runtime.audit.merkle import Leaf
from resilibot.runtime.event_store.port import Head

HASH = r"^[0-9a-f]{64}$"


class CheckpointRefused(Exception):
    """`why` says in a word what is wrong: unreadable, other_key, not_signed, root_differs."""

    code: ClassVar[str] = "checkpoint_refused"
    retryable: ClassVar[bool] = False

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class Statement(Value):
    """What is signed. `size`: number of leaves; `previous_root`: root of the checkpoint before, 64 zeros for none."""

    algorithm: Literal["ed25519"] = "ed25519"
    format: Literal["resilibot.checkpoint.v1"] = "resilibot.checkpoint.v1"
    key_id: str = Field(pattern=HASH)
    number: int = Field(ge=1)
    previous_root: str = Field(pattern=HASH)
    root: str = Field(pattern=HASH)
    size: int = Field(ge=0)
    taken_at: UtcTime


class _File(Value):
    leaves: list[tuple[str, int, str]]
    public_key: str
    signature: str
    statement: str


@dataclass(frozen=True)
class Checkpoint:
    """A genuine checkpoint: made here, or opened and checked. `text` is the signed text of `statement`."""

    statement: Statement
    text: str
    signature: str
    public_key: str
    leaves: tuple[Leaf, ...]

    @property
    def number(self) -> int:
        return self.statement.number

    @property
    def taken_at(self) -> datetime:
        return self.statement.taken_at

    @cached_property
    def by_stream(self) -> dict[str, Leaf]:
        return {leaf.stream: leaf for leaf in self.leaves}

    def content(self) -> bytes:
        """The stored form."""
        leaves = [[leaf.stream, leaf.version, leaf.hash] for leaf in self.leaves]
        return canonical(
            {
                "leaves": leaves,
                "public_key": self.public_key,
                "signature": self.signature,
                "statement": self.text,
            }
        )


class SigningKey:
    """An Ed25519 key pair. `seed` is the private key: 32 bytes in hex, as the secret holds it."""

    def __init__(self, seed: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self.public_key = self._private.public_key().public_bytes_raw().hex()
        self.key_id = fingerprint(self.public_key)

    @staticmethod
    def new_seed() -> str:
        return Ed25519PrivateKey.generate().private_bytes_raw().hex()

    def sign(self, content: bytes) -> str:
        return self._private.sign(content).hex()


def fingerprint(public_key: str) -> str:
    """The key id: sha256 in hex of the 32 bytes of a public key (given in hex)."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def leaves_of(heads: Iterable[Head]) -> tuple[Leaf, ...]:
    return tuple(sorted(Leaf(head.stream, head.version, head.hash) for head in heads))


def make(
    leaves: tuple[Leaf, ...], number: int, previous: Checkpoint | None, key: SigningKey, at: datetime
) -> Checkpoint:
    """The next checkpoint over `leaves`, which are sorted by stream."""
    statement = Statement(
        key_id=key.key_id,
        number=number,
        previous_root=previous.statement.root if previous else GENESIS,
        root=merkle.root(leaves),
        size=len(leaves),
        taken_at=at,
    )
    text = canonical(statement.model_dump(mode="json"))
    return Checkpoint(statement, text.decode(), key.sign(text), key.public_key, leaves)


def opened(content: bytes, key_id: str) -> Checkpoint:
    """A stored checkpoint, if the key `key_id` signed it and its leaves give its root. Raises CheckpointRefused."""
    try:
        file = _File.model_validate_json(content)
        statement = Statement.model_validate_json(file.statement)
        public, signature = bytes.fromhex(file.public_key), bytes.fromhex(file.signature)
    except (ValidationError, ValueError) as error:
        raise CheckpointRefused("unreadable", f"not a checkpoint of a kind that is accepted: {error}") from error
    if statement.key_id != key_id or fingerprint(file.public_key) != key_id:
        raise CheckpointRefused("other_key", f"signed by key {fingerprint(file.public_key)}, not by {key_id}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, file.statement.encode())
    except (InvalidSignature, ValueError) as error:
        raise CheckpointRefused("not_signed", "the signature does not fit the statement") from error
    leaves = tuple(Leaf(*leaf) for leaf in file.leaves)
    if list(leaves) != sorted(leaves) or (merkle.root(leaves), len(leaves)) != (statement.root, statement.size):
        raise CheckpointRefused("root_differs", "the leaves do not give the signed root")
    return Checkpoint(statement, file.statement, file.signature, file.public_key, leaves)
