"""senders: the doors for machines that bring signals: webhooks, and SNS over HTTP.

Proven over the raw body, then put into the intake queue unread (see arrival.py). Nothing that a body says is fetched.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel

from resilibot.ingest import arrival
from resilibot.ingest.ports import Ports, QueueUnavailable, SubscriptionsUnavailable
from resilibot.ingest.sources.errors import ForgedSignal, MalformedSignal
from resilibot.ingest.sources.sns import (
    NOTIFICATION,
    CertificateUnavailable,
    SnsMessage,
    confirm_subscription,
    is_certificate_url,
    read_sns,
    verify_sns,
)
from resilibot.ingest.webhooks import NotProven, delivery_id
from resilibot.runtime.http import ApiRouter, BadRequest, Id, TooLarge, Unauthorised, Unavailable

SNS_AGE = timedelta(days=1)  # SNS tries for hours; what comes again has its MessageId and changes nothing
AHEAD = timedelta(minutes=5)


class Accepted(BaseModel):
    """Kept, and taken in soon. The same delivery again has the same id and changes nothing."""

    accepted: Literal[True] = True
    id: str


def _body(media_type: str, what: str, example: dict[str, Any]) -> dict[str, Any]:
    content = {media_type: {"schema": {}, "example": example}}
    limit = f"at most {arrival.MOST_BYTES:,} bytes"
    return {"requestBody": {"required": True, "description": f"{what}; {limit}", "content": content}}


WEBHOOK = _body("application/json", "What the source sends, signed as it is declared", {"AlarmName": "orders-failures"})
SNS = _body("text/plain", "What SNS posts, signed by SNS", {"Type": "Notification", "MessageId": "0d1f6c0e"})


def take_from_senders(router: ApiRouter, ports: Ports) -> None:
    @router.post("/webhooks/<source>", returns=Accepted, status_code=202, openapi_extensions=WEBHOOK)
    def receive_webhook(source: Id) -> dict[str, Any]:
        """Take a signal from a declared source, as it sends it.

        What cannot be read later is kept in the dead letters of the intake queue.
        """
        event = router.current_event
        raw = _raw(event.raw_event)
        sender, own_id = _proven(ports, source, {k.lower(): v for k, v in event.headers.items()}, raw)
        router.limit(f"source {source}", source)
        return _keep(ports, sender, delivery_id(raw, own_id), raw, source)

    @router.post("/sns", returns=Accepted, status_code=202, openapi_extensions=SNS)
    def receive_sns() -> dict[str, Any]:
        """Take a message of a configured SNS topic, or confirm its subscription."""
        raw = _raw(router.current_event.raw_event)
        with router.as_stranger():
            message = _from_sns(ports, raw)
        router.limit(f"topic {message['TopicArn']}", "sns")
        if message["Type"] == NOTIFICATION:
            return _keep(ports, "sns", message["MessageId"], raw)
        try:
            confirm_subscription(message, ports.settings.sns_topics, ports.subscriptions())
        except SubscriptionsUnavailable as error:
            raise Unavailable("SNS does not answer: try again") from error
        return {"accepted": True, "id": message["MessageId"]}


def _keep(ports: Ports, sender: str, found: str, raw: bytes, source: str = "") -> dict[str, Any]:
    if len(raw) > arrival.MOST_BYTES:
        raise TooLarge(f"body: more than {arrival.MOST_BYTES} bytes")
    if not raw.strip():
        raise BadRequest("body: empty")
    try:
        ports.queue().put(arrival.pack(sender, found, raw, source))
    except QueueUnavailable as error:
        raise Unavailable("the intake queue does not answer: try again") from error
    return {"accepted": True, "id": found}


def _proven(ports: Ports, source: str, headers: Mapping[str, str], raw: bytes) -> tuple[str, str | None]:
    """Whose form it has, and the sender's own id of the delivery.

    Raises Unauthorised, in the same words for a source that nobody declared.
    """
    proof = ports.sources().get(source)
    if proof is None:
        raise Unauthorised("the sender is not proven", "bad_signature")
    try:
        return proof.sender or source, proof.verify(headers, raw, ports.clock.now())
    except NotProven as error:
        reason: Literal["stale", "bad_signature"] = "stale" if error.is_stale else "bad_signature"
        raise Unauthorised("the sender is not proven", reason, source) from error


def _from_sns(ports: Ports, raw: bytes) -> SnsMessage:
    """A message that SNS signed, of one of our topics: SNS signs for everybody's. Raises a ServiceError."""
    try:
        message = read_sns(raw)
        is_ours = message["TopicArn"] in ports.settings.sns_topics
        if not is_ours or not _is_of_its_region(message):  # before anything is fetched for it
            raise Unauthorised("the sender is not proven", "bad_signature", "sns")
        verify_sns(message, ports.certificates())
    except ForgedSignal as error:
        raise Unauthorised("the sender is not proven", "bad_signature", "sns") from error
    except MalformedSignal as error:
        raise BadRequest(str(error), is_stranger=True) from error
    except CertificateUnavailable as error:
        raise Unavailable("the certificate of SNS cannot be fetched: try again", is_stranger=True) from error
    _check_age(message, ports.clock.now())
    return message


def _is_of_its_region(message: SnsMessage) -> bool:
    """SNS signs with the certificate of the topic's own region: others, made up or not, are not asked for theirs."""
    url, arn = message.get("SigningCertURL"), message["TopicArn"].split(":")
    return is_certificate_url(url) and len(arn) == 6 and urlsplit(str(url)).netloc.split(".")[1] == arn[3]


def _check_age(message: SnsMessage, now: datetime) -> None:
    try:
        age = now - datetime.fromisoformat(message["Timestamp"])
    except (ValueError, TypeError):
        raise BadRequest("Timestamp: no time with a zone") from None
    if not -AHEAD <= age <= SNS_AGE:
        raise Unauthorised("the message is too old, or from the future", "stale", "sns")


def _raw(event: Mapping[str, Any]) -> bytes:
    """The body's own bytes. Raises BadRequest."""
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise BadRequest("body: cannot be decoded", is_stranger=True) from None
