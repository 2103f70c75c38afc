"""Each scheme of proof: what the source signed is taken, a changed byte, another secret or another hour is not."""

import base64
import hashlib
import hmac
import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from resilibot.ingest.webhooks import WINDOW_S, NotProven, Proof, SourcesMalformed, read_sources
from resilibot.runtime.testing import NOON

BODY = b'{"status": "firing", "note": "\xc3\xa4"}'
KEY = "s3cret-s3cret-s3cret"
WHSEC = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
STAMP = str(int(NOON.timestamp()))
Headers = dict[str, str]


def source(**declared: Any) -> Proof:
    return read_sources(json.dumps({"s": declared}))["s"]


def digest(message: bytes, key: str = KEY) -> bytes:
    return hmac.new(key.encode(), message, hashlib.sha256).digest()


STANDARD = source(scheme="standard-webhooks", secrets=[WHSEC])
SENTRY = source(scheme="hmac-sha256", secrets=[KEY], signature_header="sentry-hook-signature")
PAGERDUTY = source(scheme="hmac-sha256", secrets=[KEY], signature_header="x-pagerduty-signature", prefix="v1=")
GRAFANA = source(
    scheme="hmac-sha256",
    secrets=[KEY],
    signature_header="x-grafana-alerting-signature",
    timestamp_header="x-grafana-alerting-timestamp",
    signed="{timestamp}:{body}",
)
SLACK = source(
    scheme="hmac-sha256",
    secrets=[KEY],
    signature_header="x-slack-signature",
    prefix="v0=",
    timestamp_header="x-slack-request-timestamp",
    signed="v0:{timestamp}:{body}",
)
BASE64 = source(scheme="hmac-sha256", secrets=[KEY], signature_header="x-signature", encoding="base64")
TOKEN = source(scheme="token", secrets=[KEY])
PLAIN = source(scheme="token", secrets=[KEY], header="x-resilibot-token", prefix="")
BASIC = source(scheme="basic", secrets=[KEY], username="newrelic")


def signed(body: bytes = BODY, key: str = KEY, at: datetime = NOON) -> dict[str, Headers]:
    """The headers that each sender sends with this body."""
    stamp = str(int(at.timestamp()))
    whsec = WHSEC if key == KEY else f"whsec_{base64.b64encode(key.encode()).decode()}"
    credentials = base64.b64encode(f"newrelic:{key}".encode()).decode()
    return {
        "standard": {
            "webhook-id": "msg_1",
            "webhook-timestamp": stamp,
            "webhook-signature": Webhook(whsec).sign("msg_1", at, body.decode()),
        },
        "sentry": {"sentry-hook-signature": digest(body, key).hex()},
        "pagerduty": {"x-pagerduty-signature": f"v1={'0' * 64},v1={digest(body, key).hex()}"},
        "grafana": {
            "x-grafana-alerting-timestamp": stamp,
            "x-grafana-alerting-signature": digest(f"{stamp}:".encode() + body, key).hex(),
        },
        "slack": {
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={digest(f'v0:{stamp}:'.encode() + body, key).hex()}",
        },
        "base64": {"x-signature": base64.b64encode(digest(body, key)).decode()},
        "token": {"authorization": f"Bearer {key}"},
        "plain": {"x-resilibot-token": key},
        "basic": {"authorization": f"Basic {credentials}"},
    }


PROOFS: dict[str, Proof] = {
    "standard": STANDARD,
    "sentry": SENTRY,
    "pagerduty": PAGERDUTY,
    "grafana": GRAFANA,
    "slack": SLACK,
    "base64": BASE64,
    "token": TOKEN,
    "plain": PLAIN,
    "basic": BASIC,
}
EACH = pytest.mark.parametrize("name", PROOFS)
BY_BODY = pytest.mark.parametrize("name", [name for name in PROOFS if name not in ("token", "plain", "basic")])
BY_TIME = pytest.mark.parametrize("name", ["standard", "grafana", "slack"])


@EACH
def test_what_the_source_sent_is_taken(name: str) -> None:
    own_id = PROOFS[name].verify(signed()[name], BODY, NOON)
    assert own_id == ("msg_1" if name == "standard" else None)


@EACH
def test_another_secret_proves_nothing(name: str) -> None:
    with pytest.raises(NotProven):
        PROOFS[name].verify(signed(key="another-another-another")[name], BODY, NOON)


@EACH
def test_what_is_missing_proves_nothing(name: str) -> None:
    for left_out in signed()[name]:
        headers = {k: v for k, v in signed()[name].items() if k != left_out}
        for sent in (headers, {**headers, left_out: ""}, {**headers, left_out: "ä,,v1= \u2028"}):
            with pytest.raises(NotProven):
                PROOFS[name].verify(sent, BODY, NOON)


@BY_BODY
@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b"firing", b"FIRING"), b"", b"\xff"])
def test_a_changed_byte_is_no_longer_signed(name: str, body: bytes) -> None:
    with pytest.raises(NotProven):
        PROOFS[name].verify(signed()[name], body, NOON)


@BY_TIME
def test_the_window_is_five_minutes_either_way(name: str) -> None:
    for seconds in (-WINDOW_S, -1, 0, 1, WINDOW_S):
        PROOFS[name].verify(signed()[name], BODY, NOON + timedelta(seconds=seconds))
    for seconds in (-WINDOW_S - 1, WINDOW_S + 1, 86_400):
        with pytest.raises(NotProven) as refused:
            PROOFS[name].verify(signed()[name], BODY, NOON + timedelta(seconds=seconds))
        assert refused.value.is_stale


@BY_TIME
@pytest.mark.parametrize("stamp", ["0", "-1", "nan", "1e9", "9" * 400, "9" * 12, "٣", f" {STAMP}", f"{STAMP}.0"])
def test_the_timestamp_cannot_be_changed_beside_the_signature(name: str, stamp: str) -> None:
    headers = {k: stamp if "timestamp" in k else v for k, v in signed()[name].items()}
    with pytest.raises(NotProven):
        PROOFS[name].verify(headers, BODY, NOON)


def test_while_a_secret_is_replaced_both_count() -> None:
    both = source(scheme="token", secrets=[KEY, "the-next-the-next"])
    for key in (KEY, "the-next-the-next"):
        both.verify({"authorization": f"Bearer {key}"}, BODY, NOON)
    with pytest.raises(NotProven):
        both.verify({"authorization": "Bearer"}, BODY, NOON)


@EACH
@pytest.mark.parametrize("odd", ["\xfc", "\ud800", "Basic \xfc", "Bearer \ud800", "v1,\xfc", "v1,\ud800"])
def test_a_header_in_no_encoding_proves_nothing(name: str, odd: str) -> None:
    """Of each header in turn, whatever it is for."""
    for header in signed()[name]:
        with pytest.raises(NotProven):
            PROOFS[name].verify({**signed()[name], header: odd}, BODY, NOON)


@pytest.mark.parametrize("credentials", ["", "!", "\xfc", "bmV3cmVsaWM=", "Og=="])
def test_basic_credentials_that_cannot_be_read_prove_nothing(credentials: str) -> None:
    with pytest.raises(NotProven):
        BASIC.verify({"authorization": f"Basic {credentials}"}, BODY, NOON)


@pytest.mark.parametrize(
    "declared",
    [
        {"scheme": "token", "secrets": []},
        {"scheme": "token", "secrets": ["short"]},
        {"scheme": "md5", "secrets": [KEY]},
        {"scheme": "standard-webhooks", "secrets": ["whsec_!!!not-base64-at-all"]},
        {"scheme": "hmac-sha256", "secrets": [KEY]},
        {"scheme": "hmac-sha256", "secrets": [KEY], "signature_header": "x-s", "timestamp_header": "x-t"},
        {"scheme": "hmac-sha256", "secrets": [KEY], "signature_header": "x-s", "signed": "{timestamp}.{body}"},
        {"scheme": "hmac-sha256", "secrets": [KEY], "signature_header": "x-s", "signed": "{body.__class__}"},
        {"scheme": "hmac-sha256", "secrets": [KEY], "signature_header": "x-s", "signed": "nothing"},
        {"scheme": "token", "secrets": [KEY], "extra": 1},
    ],
)
def test_a_declaration_that_protects_nothing_is_refused_without_showing_its_secret(declared: dict[str, Any]) -> None:
    with pytest.raises(SourcesMalformed) as refused:
        source(**declared)
    assert KEY not in "".join(traceback.format_exception(refused.value)), "the log shows its causes too"


def test_the_standard_window_is_the_library_s_own() -> None:
    """The library reads the wall clock; ours is given the time. What it takes now, we take now, and the other way."""
    now = datetime.now(UTC)
    headers = signed(at=now)["standard"]
    assert Webhook(WHSEC).verify(BODY, headers, json_parse=False) is None
    assert STANDARD.verify(headers, BODY, now) == "msg_1"
