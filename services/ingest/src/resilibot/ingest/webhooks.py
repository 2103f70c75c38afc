"""webhooks: does this request come from the source that it names? Pure; over the raw bytes, before anything is parsed.

How a source proves itself is declared per source, in the secret named by RESILIBOT_WEBHOOKS_SECRET:

    {"deployments":  {"scheme": "standard-webhooks", "secrets": ["whsec_..."], "sender": "conventional"},
     "sentry":       {"scheme": "hmac-sha256", "secrets": ["..."], "signature_header": "sentry-hook-signature"},
     "grafana":      {"scheme": "hmac-sha256", "secrets": ["..."], "signature_header": "x-grafana-alerting-signature",
                      "timestamp_header": "x-grafana-alerting-timestamp", "signed": "{timestamp}:{body}"},
     "alertmanager": {"scheme": "token", "secrets": ["..."]},
     "datadog":      {"scheme": "token", "secrets": ["..."], "header": "x-resilibot-token", "prefix": ""}}

A source sends in the form of the sender it is named after, or of `sender`: {"team-a": {..., "sender": "grafana"}}.
`secrets` holds more than one while one is replaced by the next. Formats: the Standard Webhooks specification; for the
others the vendors' own pages. A signed request outside WINDOW_S is refused. Inside it, the same request again is taken
again and changes nothing: its signals carry the same source id, so senders may repeat what they got no answer to. A
token proves who sends, but not when: with that scheme, the source id alone keeps a repetition harmless.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator
from standardwebhooks.webhooks import Webhook

from resilibot.contracts.faults import faults_of

WINDOW_S = 300
Secret = Annotated[str, Field(min_length=16, max_length=512)]
Header = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]  # as we compare them


class NotProven(Exception):
    """The request does not prove that it comes from its source. `is_stale`: it did, but too long ago or too early."""

    code = "not_proven"

    def __init__(self, why: str, *, is_stale: bool = False) -> None:
        super().__init__(why)
        self.is_stale = is_stale


class SourcesMalformed(Exception):
    """The secret that declares the sources cannot be read."""

    code = "sources_malformed"


class Proof(Protocol):
    """One scheme. `sender`: whose form the source sends, when it is not named so.

    verify() gives the sender's own id of this delivery, or None where it has none; raises NotProven.
    """

    sender: str | None

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None: ...


class _Scheme(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: list[Secret] = Field(min_length=1, max_length=4)
    sender: str | None = Field(default=None, max_length=64)  # whose form it sends, where the source's name is not it


class StandardWebhooks(_Scheme):
    """https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over id, timestamp and body."""

    scheme: Literal["standard-webhooks"]

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, secrets: list[str]) -> list[str]:
        for secret in secrets:
            try:
                key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            except binascii.Error:
                raise ValueError("whsec_ and base64 is needed") from None
            if len(key) < 16:
                raise ValueError("a key of 16 bytes or more is needed")
        return secrets

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None:
        message_id, signatures = _header(headers, "webhook-id"), _header(headers, "webhook-signature")
        moment = _moment(_header(headers, "webhook-timestamp"))
        given = signatures.split(" ")
        for secret in self.secrets:
            expected = Webhook(secret).sign(message_id, moment, _text(raw))
            if any(_equal(expected, signature) for signature in given):
                _check_window(moment, now)
                return message_id
        raise NotProven("webhook-signature: does not fit")


class HmacSha256(_Scheme):
    """HMAC-SHA256 over the raw body, with the timestamp where the sender signs one."""

    scheme: Literal["hmac-sha256"]
    signature_header: Header
    prefix: str = Field(default="", max_length=16)  # "sha256=", "v1="; several signatures stand with commas between
    encoding: Literal["hex", "base64"] = "hex"
    timestamp_header: Header | None = None  # seconds since 1970
    signed: str = Field(default="{body}", max_length=64, pattern=r"^[^{}]*(\{timestamp\}[^{}]*)?\{body\}$")

    @model_validator(mode="after")
    def _timestamp_is_signed(self) -> Self:
        if (self.timestamp_header is not None) != ("{timestamp}" in self.signed):
            raise ValueError("timestamp_header and {timestamp} in signed: one without the other protects nothing")
        return self

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None:
        given = [part.strip() for part in _header(headers, self.signature_header).split(",")]
        stamp = _header(headers, self.timestamp_header) if self.timestamp_header else ""
        message = self.signed.removesuffix("{body}").replace("{timestamp}", stamp).encode() + raw
        for secret in self.secrets:
            digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
            text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
            if any(_equal(self.prefix + text, signature) for signature in given):
                if self.timestamp_header:
                    _check_window(_moment(stamp), now)
                return None
        raise NotProven(f"{self.signature_header}: does not fit")


class Token(_Scheme):
    """A shared text in a header, for senders that can do no more. "Basic ..." credentials are such a text too."""

    scheme: Literal["token"]
    header: Header = "authorization"
    prefix: str = Field(default="Bearer ", max_length=16)

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None:
        given = _header(headers, self.header)
        if any(_equal(self.prefix + secret, given) for secret in self.secrets):
            return None
        raise NotProven(f"{self.header}: does not fit")


class Basic(_Scheme):
    """HTTP Basic (RFC 7617); the secrets are passwords."""

    scheme: Literal["basic"]
    username: str = Field(min_length=1, max_length=128, pattern=r"^[^:]+$")

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None:
        scheme, _, credentials = _header(headers, "authorization").partition(" ")
        try:
            given = base64.b64decode(credentials.strip(), validate=True)
        except ValueError:  # beyond ASCII too
            raise NotProven("authorization: no base64") from None
        fits = [hmac.compare_digest(f"{self.username}:{secret}".encode(), given) for secret in self.secrets]
        if scheme.lower() != "basic" or not any(fits):
            raise NotProven("authorization: does not fit")
        return None


Source = Annotated[StandardWebhooks | HmacSha256 | Token | Basic, Field(discriminator="scheme")]
SOURCES: TypeAdapter[dict[str, Any]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")], Source]
)


def read_sources(text: str) -> dict[str, Proof]:
    """The declared sources. Raises SourcesMalformed that names the place, and never the secret that stands there."""
    try:
        found: dict[str, Proof] = SOURCES.validate_json(text)
    except ValidationError as error:
        raise SourcesMalformed(faults_of(error, "sources")) from None
    return found


def delivery_id(raw: bytes, own_id: str | None) -> str:
    """What makes a repeated delivery recognisable where the signal inside has no id: the sender's, else the body's."""
    return own_id if own_id and len(own_id) <= 128 else hashlib.sha256(raw).hexdigest()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise NotProven(f"{name}: missing")
    try:
        value.encode()  # as each scheme does
    except UnicodeEncodeError:
        raise NotProven(f"{name}: a lone surrogate") from None
    return value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise NotProven("body: not UTF-8") from None


def _moment(text: str) -> datetime:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise NotProven("the timestamp is no number of seconds")
    return datetime.fromtimestamp(int(text), UTC)


def _check_window(moment: datetime, now: datetime) -> None:
    if abs((now - moment).total_seconds()) > WINDOW_S:
        raise NotProven(f"signed more than {WINDOW_S} s away from now", is_stale=True)


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
