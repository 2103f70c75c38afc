"""sns: is an SNS message over HTTP really from SNS, and may its subscription be confirmed. Pure but for two ports.

Source: "Verifying the signatures of Amazon SNS messages" and "HTTP/HTTPS notification JSON format" in the Amazon SNS
developer guide. No URL of a message is ever fetched but that of the certificate, and that only from an SNS host; a
subscription is confirmed by the API with a topic of the configuration, never by its SubscribeURL.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from resilibot.contracts import strict_json
from resilibot.ingest.sources.errors import ForgedSignal, MalformedSignal

NOTIFICATION, SUBSCRIPTION, UNSUBSCRIBED = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
CERTIFICATE_URL = re.compile(r"https://sns\.[a-z]{2,}(-[a-z]+)+-[0-9]+\.amazonaws\.com(\.cn)?/[A-Za-z0-9_.-]+\.pem")

SnsMessage = Mapping[str, Any]  # as parsed by read_sns: every field named in SIGNED, Subject perhaps, is text


class CertificateUnavailable(Exception):
    """The certificate could not be fetched; the sender tries again."""

    code: ClassVar[str] = "certificate_unavailable"
    retryable: ClassVar[bool] = True


class Certificates(Protocol):
    def pem(self, url: str) -> bytes:
        """The certificate at a URL that is_certificate_url has passed. Raises CertificateUnavailable."""
        ...


class Subscriptions(Protocol):
    def confirm(self, topic_arn: str, token: str) -> None:
        """sns:ConfirmSubscription. Raises what the adapter says."""
        ...


def read_sns(raw: bytes | str) -> SnsMessage:
    """The message SNS posts. Raises MalformedSignal naming the field."""
    try:
        message = strict_json.parse(raw)
    except strict_json.NotStrictJson as error:
        raise MalformedSignal(f"message: {error}") from error
    if not isinstance(message, dict):
        raise MalformedSignal(f"message: an object is needed, not {type(message).__name__}")
    kind = message.get("Type")
    if not isinstance(kind, str) or kind not in SIGNED:
        raise MalformedSignal(f"Type: {ascii(kind)[:60]} is none of {', '.join(SIGNED)}")
    for field in SIGNED[kind]:
        if not isinstance(message.get(field), str) and not (field == "Subject" and message.get(field) is None):
            raise MalformedSignal(f"{field}: missing, or no text")
    return message


def is_certificate_url(url: Any) -> bool:
    """True for a .pem on an SNS host over https, with nothing else in the address."""
    return isinstance(url, str) and CERTIFICATE_URL.fullmatch(url) is not None


def verify_sns(message: SnsMessage, certificates: Certificates) -> None:
    """Return if SNS signed exactly this message.

    message: of read_sns. Raises ForgedSignal (of another host, another key, or changed), MalformedSignal (no
    signature that can be read), CertificateUnavailable (try again). How old a message may be is the caller's.
    """
    url = message.get("SigningCertURL")
    if not isinstance(url, str) or not is_certificate_url(url):
        raise ForgedSignal("SigningCertURL: not a certificate on an SNS host")
    try:
        signature = base64.b64decode(message.get("Signature") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise MalformedSignal("Signature: not base64") from None
    _check_signature(certificates.pem(url), signature, canonical_text(message), message.get("SignatureVersion"))


def canonical_text(message: SnsMessage) -> bytes:
    """What SNS signs: names and values by turns, one a line; a field that is not there has no line."""
    fields = [field for field in SIGNED[message["Type"]] if message.get(field) is not None]
    return "".join(f"{field}\n{message[field]}\n" for field in fields).encode()


def confirm_subscription(message: SnsMessage, topics: frozenset[str], subscriptions: Subscriptions) -> bool:
    """Confirm a verified SubscriptionConfirmation of a topic in `topics`; False (and nothing is done) for any other."""
    wanted = message["TopicArn"]
    topic = next((topic for topic in topics if topic == wanted), None)  # the configuration's own spelling is used
    if message["Type"] != SUBSCRIPTION or topic is None:
        return False
    subscriptions.confirm(topic, message["Token"])
    return True


def _check_signature(pem: bytes, signature: bytes, text: bytes, version: Any) -> None:
    from cryptography import x509  # lazily: 40 ms that only the HTTP door needs
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    algorithms: dict[Any, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  # nosec B303  SNS's own
    algorithm = algorithms.get(version) if isinstance(version, str) else None
    if algorithm is None:
        raise MalformedSignal(f"SignatureVersion: {ascii(version)[:40]} is neither 1 nor 2")
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise ForgedSignal("SigningCertURL: no certificate is there") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ForgedSignal("SigningCertURL: not an RSA key")
    try:
        key.verify(signature, text, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise ForgedSignal("Signature: SNS did not sign this message") from None
