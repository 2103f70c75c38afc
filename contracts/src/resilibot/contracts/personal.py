"""personal: how a person stands in an event: sealed, as a token in an ordinary string field. Pure.

    enc:v1:<pseudonym>:<base64 of nonce, ciphertext, tag>

The pseudonym is the same for all that one person did, and tells nobody who it is. The runtime seals and reveals; here
is only what can be seen without any key. Nothing that decides reads more: it compares pseudonyms, and a MAC binds the
token as it is stored. A token with nothing after the last colon was written by somebody who is forgotten already.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

ERASED = "[erased]"
TOKEN = re.compile(r"enc:v1:([0-9a-f]{32}):([A-Za-z0-9+/]*={0,2})")

# Event fields that hold a person or a person's words, by name, in whatever event a person causes.
PERSONAL_FIELDS = frozenset({"approver", "comment", "requested_by"})

NONCE_BYTES = 12
TAG_BYTES = 16
WORDS_CHARS = 2000  # max_length of such a field in the released events


def capacity(chars: int) -> int:
    """How many bytes of UTF-8 can be sealed into a field of `chars` characters."""
    return (chars - len("enc:v1::") - 32) // 4 * 3 - NONCE_BYTES - TAG_BYTES


def pseudonym_of(text: str) -> str | None:
    """The pseudonym in a token; None for any other text."""
    match = TOKEN.fullmatch(text)
    return match[1] if match else None


def is_same_person(one: str, other: str) -> bool:
    """Two identities, sealed or not, name the same person (or service)."""
    return (pseudonym_of(one) or one) == (pseudonym_of(other) or other)


def _fits(text: str) -> str:
    if len(text.encode()) > capacity(WORDS_CHARS):
        raise ValueError(f"at most {capacity(WORDS_CHARS)} bytes of UTF-8")
    if TOKEN.search(text):
        raise ValueError("sealed text of somebody is no text of one's own")
    return text


Words = Annotated[str, AfterValidator(_fits)]  # a person's own words, as a door accepts them
