"""oidc: a JWT of the configured issuer becomes a principal (RFC 7519, RFC 8725 on what goes wrong with them).

Two algorithms, each bound to its kind of key: RS256 to RSA keys of 2,048 bits or more, ES256 to P-256. So no token can
choose "none", or have a public key taken for an HMAC secret. A signature that fits is not enough: issuer, audience,
expiry and subject must stand in the token, and a token not valid yet is refused.

KeySourceError
└── KeySourceUnavailable   the issuer's keys cannot be fetched   (retryable)
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jwt

from resilibot.runtime.http.principals import Principal
from resilibot.runtime.http.problems import Unauthorised, Unavailable
from resilibot.runtime.http.settings import HttpSettings

log = logging.getLogger(__name__)

MAX_AGE_S = 600.0  # so long a revoked key is trusted at most, while the issuer answers
KEPT_S = 24 * 3600.0  # and so long when it does not
PAUSE_S = 10.0  # between two fetches, whatever key ids strangers ask for
MIN_RSA_BITS = 2048


class KeySourceError(Exception):
    code: ClassVar[str] = "key_source_error"
    retryable: ClassVar[bool] = True


class KeySourceUnavailable(KeySourceError):
    code = "key_source_unavailable"


class IssuerKeys:
    """The issuer's public keys by id, kept. Thread-safe.

    fetch() gives the JWKS document (RFC 7517) as text, or raises KeySourceUnavailable.
    """

    def __init__(self, fetch: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK | None:
        """None: the issuer has no such key. Raises KeySourceUnavailable when none are known.

        A known key is never waited for: one caller fetches, the others go on with what there is.
        """
        is_known = kid in self._keys
        is_due = not is_known or self._clock() - self._fetched_at > MAX_AGE_S
        if is_due and self._lock.acquire(blocking=not is_known):
            try:
                if self._clock() - self._tried_at >= PAUSE_S:
                    self._refresh(self._clock())
            finally:
                self._lock.release()
        if self._clock() - self._fetched_at > KEPT_S:
            raise KeySourceUnavailable("the issuer's keys are not known")
        return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        self._tried_at = now
        try:
            self._keys = usable_keys(self._fetch())
            self._fetched_at = now
        except KeySourceUnavailable as error:
            log.warning("the issuer's keys could not be fetched: %s", error)


def usable_keys(text: str) -> dict[str, jwt.PyJWK]:
    """The signing keys of a JWKS that we take, by id; any other is left out. Raises KeySourceUnavailable."""
    try:
        document = json.loads(text)
        listed = [entry for entry in document["keys"] if isinstance(entry, dict)]
    except (ValueError, KeyError, TypeError) as error:
        raise KeySourceUnavailable("the issuer's answer is no JWKS") from error
    found = {}
    for entry in listed:
        algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
        kid = entry.get("kid")
        if not isinstance(kid, str) or not algorithm or entry.get("use", "sig") != "sig":
            continue
        if entry.get("alg", algorithm) != algorithm or (algorithm == "ES256" and entry.get("crv") != "P-256"):
            continue
        try:
            key = jwt.PyJWK(entry, algorithm)
        except jwt.PyJWTError as error:
            log.warning("a key of the issuer is not taken: %s", error)
            continue
        if algorithm == "RS256" and key.key.key_size < MIN_RSA_BITS:
            continue
        found[kid] = key
    return found


class IssuedTokens:
    """Verifies JWTs. Which claim names a person, and which one lists roles, is configured."""

    def __init__(self, settings: HttpSettings, keys: IssuerKeys) -> None:
        self._settings = settings
        self._keys = keys

    def by_token(self, token: str) -> Principal:
        """Raises Unauthorised, Unavailable."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._key_of(header)
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._settings.oidc_audience,
                issuer=self._settings.oidc_issuer,
                leeway=self._settings.oidc_leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthorised(f"the token is not accepted: {error}"[:300]) from error
        except KeySourceUnavailable as error:
            raise Unavailable("the issuer's keys cannot be reached: try again") from error
        return self._principal(claims)

    def _key_of(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        if "crit" in header:
            raise Unauthorised("the token is not accepted: an extension of JWS that we do not know")
        kid = header.get("kid")
        key = self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthorised("the token is not accepted: its key is not the issuer's")
        if header.get("alg") != key.algorithm_name:
            raise Unauthorised("the token is not accepted: its key is for another algorithm")
        return key

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        person = claims.get(self._settings.oidc_person_claim)
        is_person = isinstance(person, str) and bool(person)
        if (
            is_person
            and self._settings.oidc_person_claim == "email"
            and claims.get("email_verified") not in (True, "true")
        ):
            raise Unauthorised("the token is not accepted: its address is not verified")
        name = str(person if is_person else claims["sub"])
        if not name or len(name) > 256:
            raise Unauthorised("the token is not accepted: it names nobody")
        return Principal(
            name, _roles(claims.get(self._settings.oidc_roles_claim)), "person" if is_person else "machine"
        )


def _roles(claim: Any) -> frozenset[str]:
    """A list of names, or one text of names with spaces between; anything else gives none."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(role for role in claim if isinstance(role, str))
    return frozenset()
