"""principals: who is calling. Two proofs, both at once: a token that we know by its digest, or a JWT of the issuer.

Only sha256 digests of tokens are kept, in the secret named by RESILIBOT_PRINCIPALS_SECRET:
{"<sha256 of token>": {"id": "...", "roles": ["viewer", "responder"], "kind": "person" or "machine" (when left out)}}.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from resilibot.contracts.envelope import Actor
from resilibot.runtime.access import Access
from resilibot.runtime.cached import Cached
from resilibot.runtime.http.problems import Forbidden, Unauthorised

TOKEN_CHARS = 8192
JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

_ANOTHER = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+\S")  # two headers reach us joined: "Bearer a, Bearer b"

Kind = Literal["person", "machine"]


@dataclass(frozen=True)
class Principal:
    """A verified caller. A machine is anything but a person: a script, a pipeline, another service, a model."""

    id: str
    roles: frozenset[str]
    kind: Kind = "machine"

    @property
    def actor(self) -> Actor:
        """As it stands in events: a person's name is sealed by the writer, a machine's is not."""
        return Actor(kind="person" if self.kind == "person" else "system", id=self.id)

    def require(self, access: str) -> None:
        """Raises Forbidden."""
        if access not in self.roles:
            raise Forbidden(f"{self.id} lacks the role {access}")
        if Access(access).needs_person and self.kind != "person":
            raise Forbidden(f"{self.id} is no person: the role {access} is for people only")


class Callers(Protocol):
    """Where principals come from."""

    def by_token(self, token: str) -> Principal:
        """Raises Unauthorised, Unavailable."""
        ...


class Holder(BaseModel):
    """One entry of the secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=256)
    roles: frozenset[str]
    kind: Kind = "machine"


_HOLDERS = TypeAdapter(dict[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], Holder])


class PrincipalsMalformed(Exception):
    """The secret with the known tokens cannot be read."""

    code = "principals_malformed"


def _holders(secret: str) -> Mapping[str, Holder]:
    """Raises PrincipalsMalformed with the kinds of faults and nothing that stands there: it may be the tokens."""
    try:
        return _HOLDERS.validate_json(secret)
    except ValidationError as error:
        kinds = sorted({fault["type"] for fault in error.errors(include_input=False, include_context=False)})
        raise PrincipalsMalformed(f"the secret with the known tokens: {', '.join(kinds)}") from None


class Principals:
    """Tokens to principals, from a secret that is read once a minute at most. Thread-safe."""

    def __init__(self, read_secret: Callable[[], str], max_age_s: float = 60) -> None:
        def read() -> dict[str, Principal]:
            holders = _holders(read_secret())
            return {digest: Principal(h.id, h.roles, h.kind) for digest, h in holders.items()}

        self._known = Cached(read, max_age_s)

    def by_token(self, token: str) -> Principal:
        digest = hashlib.sha256(token.encode()).hexdigest()
        for known, principal in self._known().items():
            if hmac.compare_digest(known, digest):
                return principal
        raise Unauthorised("the token is not known")


class Either:
    """Known tokens, and where an issuer is configured its JWTs. What looks like a JWT is never tried as the other."""

    def __init__(self, known: Callers, issued: Callers | None) -> None:
        self._known = known
        self._issued = issued

    def by_token(self, token: str) -> Principal:
        if len(token) > TOKEN_CHARS:
            raise Unauthorised("the token is too long")
        callers = self._issued if self._issued and JWT.fullmatch(token) else self._known
        return callers.by_token(token)


def bearer_of(event: Mapping[str, Any]) -> str:
    """The bearer token of an API event. Raises Unauthorised, also of two: nobody shall choose which one counts."""
    told = [str(value) for name, value in (event.get("headers") or {}).items() if name.lower() == "authorization"]
    if len(told) > 1 or any(map(_ANOTHER.search, told)):
        raise Unauthorised("more than one Authorization header: send one")
    scheme, _, token = "".join(told).partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorised("an Authorization header with a bearer token is needed")
    return token.strip()
