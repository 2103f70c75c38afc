"""merkle: one hash over the ends of all streams, and the proof that one of them is in it. Pure.

Source: RFC 6962, section 2.1 (tree and audit path); RFC 9162, section 2.1.3.2 (checking a path). A leaf is
sha256(0x00 canonical([stream, version, hash])), a node sha256(0x01 left right); an odd tree splits at the largest
power of two below its size; leaves are sorted by stream. The tree of nothing is sha256 of nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.contracts.canonical import canonical


@dataclass(frozen=True, order=True)
class Leaf:
    """Where a stream ended: `hash` (64 hex digits) is that of its event `version`."""

    stream: str
    version: int
    hash: str

    def digest(self) -> bytes:
        return hashlib.sha256(b"\x00" + canonical([self.stream, self.version, self.hash])).digest()


def root(leaves: Sequence[Leaf]) -> str:
    """Hex root over `leaves`, which are sorted by stream."""
    return _root([leaf.digest() for leaf in leaves]).hex()


def path(leaves: Sequence[Leaf], index: int) -> list[str]:
    """The hex hashes that lead from leaf `index` to the root, lowest first."""
    return [digest.hex() for digest in _path([leaf.digest() for leaf in leaves], index)]


def _root(digests: Sequence[bytes]) -> bytes:
    if not digests:
        return hashlib.sha256(b"").digest()
    if len(digests) == 1:
        return digests[0]
    left = _split(len(digests))
    return _node(_root(digests[:left]), _root(digests[left:]))


def _path(digests: Sequence[bytes], index: int) -> list[bytes]:
    if len(digests) == 1:
        return []
    left = _split(len(digests))
    if index < left:
        return [*_path(digests[:left], index), _root(digests[left:])]
    return [*_path(digests[left:], index - left), _root(digests[:left])]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
