"""vector_pack: vectors by the hash of their text, as bytes that tell when they are not what was written. Pure.

magic | SHA-256 of the rest | size of a vector (4 bytes) | (hash of the text, 32 bytes | vector) ..., in order of hash
"""

import hashlib
from collections.abc import Mapping

from resilibot.observe.runbook_ports import VectorsUnavailable

MAGIC = b"resilibot-vectors-1\n"
_HASH = 32


def pack(vectors: Mapping[str, bytes]) -> bytes:
    size = len(next(iter(vectors.values()), b""))
    body = size.to_bytes(4, "big") + b"".join(bytes.fromhex(one) + vectors[one] for one in sorted(vectors))
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(packed: bytes) -> dict[str, bytes]:
    """Raises VectorsUnavailable if any byte is not as written."""
    head, body = packed[: len(MAGIC) + _HASH], packed[len(MAGIC) + _HASH :]
    if head != MAGIC + hashlib.sha256(body).digest():
        raise VectorsUnavailable("the stored vectors are damaged")
    step = _HASH + int.from_bytes(body[:4], "big")
    entries = [body[start : start + step] for start in range(4, len(body), step)]
    return {entry[:_HASH].hex(): entry[_HASH:] for entry in entries}
