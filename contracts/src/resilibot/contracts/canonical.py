"""Canonical JSON and the hash chain: the exact bytes that are stored, hashed and sent.

Format: UTF-8, keys sorted, separators "," and ":", no ASCII escaping, no NaN or Infinity, no Unicode normalisation
(RFC 8785 in spirit). The stored bytes are the truth: a verifier hashes them as they are and never serialises again.
"""

import hashlib
import json
from typing import Any

ALGORITHM = "resilibot.v1"
GENESIS = "0" * 64  # prev_hash of the first event of a stream


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of plain JSON data. Raises ValueError on NaN or Infinity, TypeError on other types."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def link(prev_hash: str, body: bytes) -> str:
    """Hash of one event: sha256("resilibot.v1" 0x00 prev_hash 0x00 body), lower-case hex."""
    digest = hashlib.sha256()
    for part in (ALGORITHM.encode(), b"\x00", prev_hash.encode(), b"\x00", body):
        digest.update(part)
    return digest.hexdigest()


def content_hash(value: Any) -> str:
    """sha256 in hex of canonical(value): identifies evidence content and action arguments."""
    return hashlib.sha256(canonical(value)).hexdigest()
