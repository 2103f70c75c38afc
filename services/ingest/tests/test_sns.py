"""SNS over HTTP: what SNS signed is taken, in both versions of its signature; what differs by a character is not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from resilibot.ingest.adapters.sns_https import HttpsCertificates
from resilibot.ingest.sources.errors import ForgedSignal, MalformedSignal
from resilibot.ingest.sources.sns import (
    CertificateUnavailable,
    canonical_text,
    confirm_subscription,
    is_certificate_url,
    read_sns,
    verify_sns,
)

URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(private: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    day = datetime(2026, 11, 24, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(day)
        .not_valid_after(day + timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


class Certificates:
    def __init__(self, pem: bytes) -> None:
        self._pem = pem
        self.asked: list[str] = []

    def pem(self, url: str) -> bytes:
        self.asked.append(url)
        return self._pem


def message(kind: str = "Notification", version: str = "2", **changes: Any) -> dict[str, Any]:
    """A message signed with our own key."""
    fields: dict[str, Any] = {
        "Type": kind,
        "MessageId": "0d1f6c0e-6f5b-5f0a-9d0c-3b6a1f0f9a11",
        "TopicArn": TOPIC,
        "Subject": "ALARM: orders",
        "Message": "the text\nof two lines",
        "Timestamp": "2026-11-24T12:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": URL,
    } | changes
    if kind != "Notification":
        fields |= {"Token": "2336412f37fb687f", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Confirm"}
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
    signature = key().sign(canonical_text(fields), padding.PKCS1v15(), algorithm)
    return fields | {"Signature": base64.b64encode(signature).decode()}


def taken(fields: dict[str, Any], pem: bytes | None = None) -> None:
    verify_sns(read_sns(json.dumps(fields)), Certificates(pem or certificate(key())))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_what_sns_signed_is_taken(kind: str, version: str) -> None:
    taken(message(kind, version))


def test_the_canonical_text_is_the_documented_one() -> None:
    """The example of the developer guide's rule: names and values by turns, sorted, no Subject where there is none."""
    fields = message(Subject=None)
    assert canonical_text(fields) == (
        b"Message\nthe text\nof two lines\nMessageId\n0d1f6c0e-6f5b-5f0a-9d0c-3b6a1f0f9a11\n"
        b"Timestamp\n2026-11-24T12:00:00.000Z\nTopicArn\n" + TOPIC.encode() + b"\nType\nNotification\n"
    )
    taken(fields)


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn"])
def test_a_changed_field_is_a_forgery(field: str) -> None:
    signed = message()
    with pytest.raises(ForgedSignal, match="Signature"):
        taken(signed | {field: signed[field] + "x"})


def test_a_signature_by_another_key_is_a_forgery() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ForgedSignal, match="Signature"):
        taken(message(), certificate(other))


def test_a_key_of_another_kind_is_a_forgery() -> None:
    with pytest.raises(ForgedSignal, match="RSA"):
        taken(message(), certificate(ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://snsxeu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.eu-west-1.amazonaws.com/../a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.crt",
        "https://s3.eu-west-1.amazonaws.com/bucket/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem\n",
        "",
        None,
        7,
    ],
)
def test_a_certificate_from_elsewhere_is_refused_before_anything_is_fetched(url: Any) -> None:
    certificates = Certificates(certificate(key()))
    with pytest.raises(ForgedSignal, match="SigningCertURL"):
        verify_sns(read_sns(json.dumps(message() | {"SigningCertURL": url})), certificates)
    assert certificates.asked == []


@pytest.mark.parametrize("url", [URL, URL.replace("eu-west-1", "us-gov-west-1"), URL.replace(".com/", ".com.cn/")])
def test_every_partition_of_aws_is_known(url: str) -> None:
    assert is_certificate_url(url)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"Signature": "%%"}, "Signature"),
        ({"Signature": None}, "Signature"),
        ({"SignatureVersion": "3"}, "SignatureVersion"),
        ({"SignatureVersion": ["1"]}, "SignatureVersion"),
        ({"Type": "Other"}, "Type"),
        ({"Message": 7}, "Message"),
        ({"Timestamp": None}, "Timestamp"),
    ],
)
def test_what_cannot_be_read_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedSignal, match=field):
        taken(message() | changes)


def test_what_is_no_certificate_is_a_forgery() -> None:
    with pytest.raises(ForgedSignal, match="no certificate"):
        taken(message(), b"<html>")


class Subscriptions:
    def __init__(self) -> None:
        self.confirmed: list[tuple[str, str]] = []

    def confirm(self, topic_arn: str, token: str) -> None:
        self.confirmed.append((topic_arn, token))


def test_only_a_topic_of_the_configuration_is_confirmed_and_by_its_token() -> None:
    subscriptions = Subscriptions()
    asked = read_sns(json.dumps(message("SubscriptionConfirmation")))
    assert not confirm_subscription(asked, frozenset({"arn:aws:sns:eu-west-1:111122223333:other"}), subscriptions)
    assert not confirm_subscription(read_sns(json.dumps(message())), frozenset({TOPIC}), subscriptions)
    assert subscriptions.confirmed == []
    assert confirm_subscription(asked, frozenset({TOPIC}), subscriptions)
    assert subscriptions.confirmed == [(TOPIC, "2336412f37fb687f")]


def test_the_adapter_asks_no_other_host_either() -> None:
    with pytest.raises(CertificateUnavailable):
        HttpsCertificates().pem("https://169.254.169.254/latest/meta-data")
