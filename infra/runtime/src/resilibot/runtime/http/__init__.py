"""HTTP: one application out of the services' routers, and the door before it.

principals.py   who is calling: known tokens by digest, and JWTs of an OIDC issuer (oidc.py, jwks_https.py)
router.py       a service's routes, with who may call them (SERVICE.routes) and what they answer
application.py  the order of checks: caller, rate, role, then the request itself; problems for whatever goes wrong
limits.py       token buckets, one per caller
refusals.py     whom the door turned away, told to the log
openapi.py      the document of it all
"""

from resilibot.runtime.http.application import Gate, application, principal_of, use_principals
from resilibot.runtime.http.principals import Principal, Principals
from resilibot.runtime.http.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    Unauthorised,
    Unavailable,
)
from resilibot.runtime.http.router import ApiRouter, Id, new_router
from resilibot.runtime.http.settings import HttpSettings

__all__ = [
    "ApiRouter",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Gate",
    "HttpSettings",
    "Id",
    "NotFound",
    "Principal",
    "Principals",
    "Problem",
    "TooLarge",
    "TooMany",
    "Unauthorised",
    "Unavailable",
    "application",
    "new_router",
    "principal_of",
    "use_principals",
]
