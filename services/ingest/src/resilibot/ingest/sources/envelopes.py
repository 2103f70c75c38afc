"""envelopes: what AWS wraps around a record is peeled off, by whatever door and however nested it came. Pure.

SNS (over HTTP, in SQS, or as Lambda is called with it), SQS (as Lambda is called with it), a plain list. EventBridge
events and direct alarm invocations are records of their own. Formats: the developer guides of SNS, SQS and Lambda.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from resilibot.contracts import strict_json
from resilibot.ingest.sources import sns
from resilibot.ingest.sources.errors import ForgedSignal, MalformedSignal
from resilibot.ingest.sources.fields import moment
from resilibot.ingest.sources.record import Ignored, Record, Refused, ignored

MAX_NESTED = 5
SNS_HOST = re.compile(r"https://sns\.[a-z]{2,}(-[a-z]+)+-[0-9]+\.amazonaws\.com(\.cn)?/")
LIKE_JSON = re.compile(r"\s*(\{\s*([\"}]|$)|\[\s*([\[{\"\]]|$)|\"|-?(NaN|Infinity)\s*$)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Peeled = Record | Ignored | Refused


def open_text(raw: bytes | str, *, is_inner: bool = False) -> Any:
    """The JSON value of a text, or the text itself where it is no JSON at all. Raises MalformedSignal.

    Plain text is something that people publish to a topic, and no error; what looks like JSON and is none, is one. What
    stands inside an envelope (is_inner) may well have a brace in it: "{{{message}}}", "{orders} is slow".
    """
    try:
        return strict_json.parse(raw)
    except strict_json.NotStrictJson as error:
        told = _plain_text(raw)
        if told is None or (not is_inner and "{" in told):
            raise MalformedSignal(f"message: {error}") from error
        return told


def peel(value: Any, record: Record, depth: int = 0) -> Iterator[Peeled]:
    """Every record in `value`. `record` carries what is known from outside: time of arrival, message id, place."""
    if depth > MAX_NESTED:
        yield Refused(f"{record.place}message: more than {MAX_NESTED} envelopes in each other")
    elif isinstance(value, list):
        yield from _list(value, record, depth)
    elif isinstance(value, dict):
        yield from _object(value, record, depth)
    elif isinstance(value, str):
        source, kind = ("slack", "slack form") if _is_slack_form(value) else ("text", "plain text")
        yield ignored(replace(record, body={"text": value}), source, kind, "no event in it")
    else:
        yield Refused(f"{record.place}message: an object is needed, not {type(value).__name__}")


def _list(values: list[Any], record: Record, depth: int) -> Iterator[Peeled]:
    if not values:
        yield Refused(f"{record.place}message: an empty list")
    for number, value in enumerate(values):
        placed = record.within(str(number))
        if isinstance(value, dict):
            yield from peel(value, placed, depth + 1)
        else:
            yield Refused(f"{placed.place}: an object is needed, not {type(value).__name__}")


def _object(value: dict[str, Any], record: Record, depth: int) -> Iterator[Peeled]:
    try:
        if "Records" in value:
            yield from _records(value["Records"], record, depth)
        elif isinstance(value.get("Sns"), dict) or _source(value) == "aws:sns":
            yield from _sns(value.get("Sns"), replace(record, place=f"{record.place}Sns."), depth)
        elif _source(value) == "aws:sqs" or ("receiptHandle" in value and "body" in value):
            yield from _sqs(value, record, depth)
        elif _is_sns(value):
            _check_host(value, record)
            yield from _sns(value, record, depth)
        elif not value:
            yield Refused(f"{record.place}message: an empty object")
        else:
            yield replace(record, body=value)
    except MalformedSignal as error:
        yield Refused(str(error))


def _records(values: Any, record: Record, depth: int) -> Iterator[Peeled]:
    if not isinstance(values, list) or not values:
        yield Refused(f"{record.place}Records: a list with something in it is needed")
        return
    for number, value in enumerate(values):
        placed = record.within(f"Records.{number}")
        if not isinstance(value, dict):
            yield Refused(f"{placed.place}: an object is needed, not {type(value).__name__}")
            continue
        source = _source(value)
        if source in ("aws:sqs", "aws:sns") or "Sns" in value or "body" in value:
            yield from _object(value, placed, depth + 1)
        else:
            kind = source or f"record with {', '.join(sorted(value)[:4])}"
            yield ignored(replace(placed, body=value), "stream", kind, "records of this kind carry no signal")


def _sqs(value: dict[str, Any], record: Record, depth: int) -> Iterator[Peeled]:
    sent_at = value["attributes"].get("SentTimestamp") if isinstance(value.get("attributes"), dict) else None
    inner = replace(record.carried_by(value.get("messageId")), received_at=moment(sent_at, record.received_at))
    yield from _text(value.get("body"), inner, "body", depth)


def _sns(value: Any, record: Record, depth: int) -> Iterator[Peeled]:
    if not isinstance(value, dict):
        yield Refused(f"{record.place}: an object is needed, not {type(value).__name__}")
        return
    inner = record.carried_by(value.get("MessageId"))
    kind = value.get("Type", sns.NOTIFICATION)
    if kind in (sns.SUBSCRIPTION, sns.UNSUBSCRIBED):
        yield ignored(replace(inner, body=value), "sns", kind, "answered by the HTTP door, for topics of its own")
    else:
        yield from _text(value.get("Message"), inner, "Message", depth)


def _text(value: Any, record: Record, field: str, depth: int) -> Iterator[Peeled]:
    if value is None or value == "":
        yield ignored(record, "text", f"a message without {field}", "no event in it")
        return
    if not isinstance(value, str):
        yield Refused(f"{record.place}{field}: text is needed, not {type(value).__name__}")
        return
    try:
        opened = open_text(value, is_inner=True)
    except MalformedSignal as error:
        yield Refused(f"{record.place}{field}: {error}")
        return
    if isinstance(opened, str) or (isinstance(opened, dict | list) and opened):
        yield from peel(opened, replace(record, place=f"{record.place}{field}."), depth + 1)
    else:  # "42", "null", "{}": whoever wrote it into an envelope wrote a text
        yield ignored(replace(record, body={"text": value}), "text", "a bare value", "no event in it")


def _check_host(value: dict[str, Any], record: Record) -> None:
    """Whoever signs from elsewhere is not SNS. The signature itself is for the HTTP door: queues know their senders."""
    url = value.get("SigningCertURL")
    if record.is_from_queue:  # an emulator's SNS signs from its own host
        return
    is_claimed = "SigningCertURL" in value or "Signature" in value
    if is_claimed and not (isinstance(url, str) and SNS_HOST.match(url)):
        raise ForgedSignal(f"{record.place}SigningCertURL: not on an SNS host")


def _is_sns(value: dict[str, Any]) -> bool:
    kind = value.get("Type")
    if isinstance(kind, str) and kind in sns.SIGNED:
        return True
    return "Message" in value and ("TopicArn" in value or ("MessageId" in value and "Subject" in value))


def _is_slack_form(text: str) -> bool:
    """A slash command: a form with Slack's token in it."""
    keys = {pair.partition("=")[0].strip() for pair in text.split("&")}
    return "token" in keys and bool(keys & {"team_id", "team_domain", "command", "response_url"})


def _source(value: dict[str, Any]) -> str:
    source = value.get("eventSource", value.get("EventSource"))
    return source if isinstance(source, str) else ""


def _plain_text(raw: bytes | str) -> str | None:
    """The text, if a person might have written it: it does not begin like JSON and holds no control characters."""
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        text.encode("utf-8")
    except UnicodeError:
        return None
    is_plain = text.strip() and not LIKE_JSON.match(text) and not CONTROL.search(text)
    return text if is_plain and len(raw) <= strict_json.MAX_BYTES else None


def arrived(received_at: datetime, message_id: str, *, is_from_queue: bool) -> Record:
    """What is known of a message before it is opened."""
    return Record({}, received_at, message_id, is_from_queue=is_from_queue)
