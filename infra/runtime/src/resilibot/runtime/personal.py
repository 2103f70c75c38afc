"""personal: seal what names a person before it is stored, reveal it where people read, forget a person for good.

Each person has a data key of their own (AES-256-GCM, NIST SP 800-38D; a random nonce for each text, the pseudonym as
associated data). Events, read models, messages and postmortems hold tokens only, so destroying that one key makes the
person unreadable in all of them at once; no stored byte changes, and every hash chain stays as it is.

PersonalError
└── KeysUnavailable   the keys cannot be reached; nothing is known   (retryable)
"""

import hashlib
import hmac
import logging
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Protocol

from resilibot.contracts.personal import ERASED, NONCE_BYTES, PERSONAL_FIELDS, TOKEN, pseudonym_of

log = logging.getLogger(__name__)

UNREADABLE = "[not readable now]"


class PersonalError(Exception):
    code: ClassVar[str] = "personal_error"
    retryable: ClassVar[bool] = False


class KeysUnavailable(PersonalError):
    code = "keys_unavailable"
    retryable = True


class SubjectKeys(Protocol):
    """One data key of 32 bytes for each person, by pseudonym. Every method raises KeysUnavailable."""

    def pseudonym(self, subject: str) -> str:
        """32 hex digits, always the same for this subject; only who holds the tenant's key can compute them."""
        ...

    def obtain(self, pseudonym: str) -> bytes | None:
        """The key, made at the first use (one, whoever else is first); None once it was destroyed."""
        ...

    def find(self, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
        """The keys that exist now. A destroyed one is missing from the very next call, in every process."""
        ...

    def destroy(self, pseudonym: str) -> bool:
        """Destroy the key for good; again does nothing. False when there has never been one."""
        ...


class Person:
    """One person while one request is written: the same text gives the same token, however often it is decided.

    `identity` is the token that stands for the name.
    """

    def __init__(self, identity: str, pseudonym: str, key: bytes | None) -> None:
        self.pseudonym = pseudonym
        self._key = key
        self._sealed: dict[str, str] = {}
        self.identity = identity if pseudonym_of(identity) else self.seal(identity)

    def seal(self, text: str) -> str:
        """The token of a text. Of somebody forgotten nothing is kept but that it was the same person."""
        if text not in self._sealed:
            self._sealed[text] = f"enc:v1:{self.pseudonym}:{self._encrypted(text)}"
        return self._sealed[text]

    def seal_fields(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Event data with its personal fields sealed; what is empty or sealed already stays as it is."""
        return {name: self._field(value) if name in PERSONAL_FIELDS else value for name, value in data.items()}

    def _field(self, value: Any) -> Any:
        is_plain = isinstance(value, str) and value and pseudonym_of(value) is None
        return self.seal(value) if is_plain else value

    def _encrypted(self, text: str) -> str:
        if self._key is None:
            return ""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 30 ms that only people's requests pay

        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), self.pseudonym.encode())
        return b64encode(nonce + sealed).decode()


class Personal:
    """Seals, reveals and forgets with the keys it is given."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def person(self, identity: str) -> Person:
        """The person of a name, or of a token of theirs. Raises KeysUnavailable."""
        pseudonym = pseudonym_of(identity) or self._keys.pseudonym(identity)
        return Person(identity, pseudonym, self._keys.obtain(pseudonym))

    def identity(self, name: str) -> str:
        """The token that stands for a person's name. Raises KeysUnavailable."""
        return self.person(name).identity

    def redaction_key(self, scope: str) -> bytes:
        """The key of the tags that stand for redacted values (see redact): always the same within a scope.

        Derived, so nothing is stored. No person's name begins with what it is derived from, so no pseudonym that
        stands in the log is such a key. Raises KeysUnavailable.
        """
        return bytes.fromhex(self._keys.pseudonym(f"\x00redaction\x00{scope}"))

    def reveal(self, value: Any, escape: Callable[[str], str] = str) -> Any:
        """JSON data as people may read it: every token in it opened, or "[erased]".

        For what is shown and thrown away, never for what is stored. When the keys cannot be reached it says so in
        the text's place: an incident is worked on without names rather than not at all. `escape` is for text that
        is read as markup: what comes out of a token was never escaped, and a person wrote it.
        """
        pseudonyms = _pseudonyms_in(value)
        if not pseudonyms:
            return value
        try:
            keys: Mapping[str, bytes] | None = self._keys.find(pseudonyms)
        except KeysUnavailable as error:
            log.warning("names cannot be shown: %s", error)
            keys = None
        return _revealed(value, keys, escape)

    def forget(self, subject: str) -> str | None:
        """Destroy the key of a person (a name, or a token of theirs). Returns the pseudonym, None for a stranger.

        Raises KeysUnavailable.
        """
        pseudonym = pseudonym_of(subject) or self._keys.pseudonym(subject)
        return pseudonym if self._keys.destroy(pseudonym) else None


def _pseudonyms_in(value: Any) -> set[str]:
    if isinstance(value, str):
        return {match[1] for match in TOKEN.finditer(value)}
    if isinstance(value, Mapping):
        return {found for part in value.values() for found in _pseudonyms_in(part)}
    if isinstance(value, list | tuple):
        return {found for part in value for found in _pseudonyms_in(part)}
    return set()


def _revealed(value: Any, keys: Mapping[str, bytes] | None, escape: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return TOKEN.sub(lambda m: escape(UNREADABLE if keys is None else _opened(m[1], m[2], keys)), value)
    if isinstance(value, Mapping):
        return {name: _revealed(part, keys, escape) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(part, keys, escape) for part in value]
    return value


def _opened(pseudonym: str, sealed: str, keys: Mapping[str, bytes]) -> str:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = keys.get(pseudonym)
    if key is None or not sealed:
        return ERASED
    try:
        raw = b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], pseudonym.encode()).decode()
    except (InvalidTag, ValueError):  # cut, altered, or no token of ours at all: nothing is shown of it
        return ERASED


class InMemorySubjectKeys:
    """For tests."""

    def __init__(self, tenant_key: bytes = b"tenant") -> None:
        self._tenant_key = tenant_key
        self._keys: dict[str, bytes | None] = {}

    def pseudonym(self, subject: str) -> str:
        return hmac.new(self._tenant_key, subject.encode(), hashlib.sha256).hexdigest()[:32]

    def obtain(self, pseudonym: str) -> bytes | None:
        return self._keys.setdefault(pseudonym, secrets.token_bytes(32))

    def find(self, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
        return {name: key for name in pseudonyms if (key := self._keys.get(name)) is not None}

    def destroy(self, pseudonym: str) -> bool:
        if pseudonym not in self._keys:
            return False
        self._keys[pseudonym] = None
        return True
