"""JWTs: what the issuer signed for us, and nothing else. Keys are made here; nothing is fetched."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import ValidationError

from resilibot.runtime.http.jwks_https import HttpsJwks
from resilibot.runtime.http.oidc import KEPT_S, MAX_AGE_S, PAUSE_S, IssuedTokens, IssuerKeys, KeySourceUnavailable
from resilibot.runtime.http.principals import Either, Principals
from resilibot.runtime.http.problems import Unauthorised, Unavailable
from resilibot.runtime.http.settings import HttpSettings

pytestmark = pytest.mark.feature(82)
ISSUER, AUDIENCE = "https://login.example.org/realm", "resilibot"
SETTINGS = HttpSettings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE)


@cache
def rsa_key(name: str = "r1", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str = "e1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


class Issuer:
    """The keys that are published, and how often they were asked for."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.keys = list(keys) or [jwk(rsa_key(), "r1"), jwk(ec_key(), "e1")]
        self.asked = 0
        self.is_down = False
        self.now = 1000.0

    def __call__(self) -> str:
        self.asked += 1
        if self.is_down:
            raise KeySourceUnavailable("no answer")
        return json.dumps({"keys": self.keys})

    def tokens(self, settings: HttpSettings = SETTINGS) -> IssuedTokens:
        return IssuedTokens(settings, IssuerKeys(self, lambda: self.now))


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "a1b2",
        "email": "ann@example.org",
        "email_verified": True,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "roles": ["viewer", "approver"],
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def token(key: Any = None, algorithm: str = "RS256", headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key or rsa_key(), algorithm, headers={"kid": "r1", **(headers or {})})


def raw_token(header: Mapping[str, Any], body: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    text = {k: v.timestamp() if isinstance(v, datetime) else v for k, v in body.items()}
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(text).encode())}"
    return f"{signed}.{part(sign(signed.encode()))}"


def test_a_person_is_known_by_the_address_and_holds_the_roles_of_the_claim() -> None:
    principal = Issuer().tokens().by_token(token())
    assert (principal.id, principal.kind) == ("ann@example.org", "person")
    assert principal.roles == {"viewer", "approver"}


def test_the_other_algorithm_and_other_claims_work_too() -> None:
    settings = SETTINGS.model_copy(update={"oidc_roles_claim": "cognito:groups", "oidc_person_claim": "username"})
    signed = token(ec_key(), "ES256", {"kid": "e1"}, **{"cognito:groups": "viewer admin", "username": "ann"})
    principal = Issuer().tokens(settings).by_token(signed)
    assert (principal.id, principal.kind, principal.roles) == ("ann", "person", {"viewer", "admin"})


def test_a_token_that_names_no_person_is_a_machine_and_cannot_approve() -> None:
    principal = Issuer().tokens().by_token(token(email=None, sub="pipeline"))
    assert (principal.id, principal.kind) == ("pipeline", "machine")
    principal.require("viewer")
    with pytest.raises(Exception, match="no person"):
        principal.require("approver")


PAST, LATER = datetime.now(UTC) - timedelta(minutes=10), datetime.now(UTC) + timedelta(days=1)  # from the import on


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (lambda: token(rsa_key("other")), "verification"),
        (lambda: token(headers={"kid": "unknown"}), "key"),
        (lambda: jwt.encode(claims(), rsa_key(), "RS256"), "key"),  # names none
        (lambda: token(aud="somebody-else"), "[Aa]udience"),
        (lambda: token(aud=None), "aud"),
        (lambda: token(iss="https://evil.example.org"), "[Ii]ssuer"),
        (lambda: token(iss=None), "iss"),
        (lambda: token(exp=PAST), "expired"),
        (lambda: token(exp=None), "exp"),
        (lambda: token(sub=None), "sub"),
        (lambda: token(nbf=LATER), "not yet valid"),
        (lambda: token(iat=LATER), "not yet valid"),
        (lambda: token(email_verified=False), "not verified"),
        (lambda: token(email_verified=None), "not verified"),  # an issuer that says nothing verifies nothing
        (lambda: token(headers={"crit": ["exp"]}), "extension|critical|crit"),
        (lambda: token(rsa_key(), "RS512"), "algorithm"),
        (lambda: token(ec_key(), "ES256"), "algorithm"),  # the kid of an RSA key
        (lambda: token(rsa_key(), "PS256"), "algorithm"),
        (lambda: token() + "A", "accepted"),
        (lambda: "a.b.c", "accepted"),
        (lambda: "..", "accepted"),
    ],
)
def test_what_is_not_meant_for_us_or_not_signed_is_refused(forged: Callable[[], str], why: str) -> None:
    with pytest.raises(Unauthorised, match=why):
        Issuer().tokens().by_token(forged())


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "HS384", None, "", ["RS256"], 1])
def test_no_token_chooses_how_it_is_verified(algorithm: Any) -> None:
    """The public key as an HMAC secret, in each form that it is published in, and no signature at all."""
    public = rsa_key().public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(rsa_key(), "r1")).encode(),
    ]
    header = {"alg": algorithm, "kid": "r1", "typ": "JWT"}
    tokens = Issuer().tokens()
    for secret in secrets:
        forged = raw_token(header, claims(), lambda text, key=secret: hmac.digest(key, text, hashlib.sha256))
        with pytest.raises(Unauthorised):
            tokens.by_token(forged)
    with pytest.raises(Unauthorised):
        tokens.by_token(raw_token(header, claims(), lambda _: b""))


def test_a_key_that_the_token_brings_along_is_not_looked_at() -> None:
    mine = rsa_key("mine")
    for headers in (
        {"jwk": jwk(mine, "r1")},
        {"jku": "https://evil.example.org/keys"},
        {"x5u": "https://evil.example"},
    ):
        with pytest.raises(Unauthorised):
            Issuer().tokens().by_token(token(mine, headers=headers))


@pytest.mark.parametrize(
    "key",
    [
        jwk(rsa_key("small", 1024), "r1"),
        {**jwk(rsa_key(), "r1"), "use": "enc"},
        {**jwk(rsa_key(), "r1"), "alg": "RS512"},
        {"kty": "oct", "kid": "r1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        {"kty": "RSA", "kid": "r1", "n": "!", "e": "AQAB"},
        {"kid": "r1"},
    ],
)
def test_a_published_key_that_is_weak_or_for_something_else_is_not_used(key: dict[str, Any]) -> None:
    signer = rsa_key("small", 1024) if key.get("n") == jwk(rsa_key("small", 1024), "r1")["n"] else rsa_key()
    forged = raw_token(
        {"alg": "RS256", "kid": "r1"},
        claims(),
        lambda text: RSAAlgorithm(RSAAlgorithm.SHA256).sign(text, signer),
    )
    with pytest.raises(Unauthorised, match="key"):
        Issuer(key).tokens().by_token(forged)


def test_keys_are_fetched_once_and_again_when_they_are_old_or_a_new_one_is_used() -> None:
    issuer = Issuer(jwk(rsa_key(), "r1"))
    tokens = issuer.tokens()
    for _ in range(5):
        tokens.by_token(token())
    assert issuer.asked == 1
    issuer.keys = [jwk(rsa_key("next"), "r2")]
    issuer.now += PAUSE_S
    assert tokens.by_token(token(rsa_key("next"), headers={"kid": "r2"})).id == "ann@example.org"
    assert issuer.asked == 2
    with pytest.raises(Unauthorised):
        tokens.by_token(token())  # withdrawn
    issuer.now += MAX_AGE_S + 1
    tokens.by_token(token(rsa_key("next"), headers={"kid": "r2"}))
    assert issuer.asked == 3


def test_strangers_with_invented_keys_do_not_make_us_fetch_more_often() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    for number in range(50):
        issuer.now += 0.1
        with pytest.raises(Unauthorised):
            tokens.by_token(token(headers={"kid": f"invented-{number}"}))
    assert issuer.asked == 1


def test_an_issuer_that_is_down_is_survived_for_a_day_and_then_named() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    tokens.by_token(token())
    issuer.is_down = True
    issuer.now += KEPT_S - 1
    tokens.by_token(token())
    issuer.now += 2
    with pytest.raises(Unavailable):
        tokens.by_token(token())
    issuer.is_down = False
    issuer.now += PAUSE_S
    tokens.by_token(token())


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"keys": 1}', '{"keys": [1, null]}', "<html>"])
def test_an_answer_that_is_no_set_of_keys_proves_nobody(answer: str) -> None:
    tokens = IssuedTokens(SETTINGS, IssuerKeys(lambda: answer))
    with pytest.raises((Unauthorised, Unavailable)):
        tokens.by_token(token())


def test_both_proofs_work_at_once_and_neither_is_tried_as_the_other() -> None:
    digest = hashlib.sha256(token_text := b"machine-token").hexdigest()
    jwt_like = "aaa.bbb.ccc"
    known = Principals(
        lambda: json.dumps(
            {
                digest: {"id": "pipeline", "roles": ["responder"]},
                hashlib.sha256(jwt_like.encode()).hexdigest(): {"id": "x", "roles": ["admin"]},
            }
        )
    )
    both = Either(known, Issuer().tokens())
    assert both.by_token(token_text.decode()).kind == "machine"
    assert both.by_token(token()).kind == "person"
    with pytest.raises(Unauthorised):
        both.by_token(jwt_like)
    with pytest.raises(Unauthorised, match="too long"):
        both.by_token("x" * 10_000)


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_issuer": "http://login.example.org", "oidc_audience": "a"},
        {"oidc_issuer": "https://login.example.org"},
        {"oidc_issuer": ISSUER, "oidc_audience": "a", "oidc_jwks_url": "https://elsewhere.example.org/keys"},
        {"oidc_issuer": ISSUER, "oidc_audience": "a", "oidc_jwks_url": "http://login.example.org/keys"},
    ],
)
def test_an_issuer_without_https_or_audience_or_with_keys_elsewhere_is_no_setting(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="oidc_"):
        HttpSettings(**settings)


def test_keys_are_fetched_by_https_only() -> None:
    with pytest.raises(ValueError, match="https"):
        HttpsJwks("http://login.example.org/keys")
    assert SETTINGS.jwks_url == f"{ISSUER}/.well-known/jwks.json"
