"""SnsPublisher: recorded events to the FIFO topic, in order per stream, as few calls as possible."""

from collections.abc import Sequence
from typing import Any, Protocol

from resilibot.contracts.envelope import RecordedEvent
from resilibot.runtime.bus.message import encode

BATCH = 10
BATCH_BYTES = 250_000  # SNS allows 256 KB per batch, attributes included
ATTEMPTS = 3


class BusUnavailable(Exception):
    """The topic did not take the events. Some may have been taken: publish again, consumers are idempotent."""

    code = "bus_unavailable"
    retryable = True


class Publisher(Protocol):
    def publish(self, events: Sequence[RecordedEvent], *, sweep: int | None = None) -> None:
        """Publish in order. `sweep` makes the deduplication ids new ones. Raises BusUnavailable."""
        ...


class SnsPublisher:
    """`client` is a boto3 SNS client. Group = stream; deduplication id = stream:version."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, events: Sequence[RecordedEvent], *, sweep: int | None = None) -> None:
        suffix = f":sweep:{sweep}" if sweep is not None else ""
        for batch in _batches([_entry(event, suffix) for event in events]):
            self._publish_batch(batch)

    def _publish_batch(self, entries: list[dict[str, Any]]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        for _ in range(ATTEMPTS):
            try:
                answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
            except (BotoCoreError, ClientError) as error:
                raise BusUnavailable(f"{self._topic_arn}: {error}") from error
            failed = {entry["Id"]: entry.get("Code", "") for entry in answer.get("Failed", [])}
            if not failed:
                return
            # everything from the first failure on, so that order within a stream is kept
            first = min(int(number) for number in failed)
            entries = [entry for entry in entries if int(entry["Id"]) >= first]
        raise BusUnavailable(f"{self._topic_arn}: {len(entries)} events refused: {sorted(set(failed.values()))}")


def _entry(event: RecordedEvent, suffix: str) -> dict[str, Any]:
    return {
        "Message": encode(event),
        "MessageGroupId": event.stream,
        "MessageDeduplicationId": f"{event.stream}:{event.version}{suffix}"[-128:],
        "MessageAttributes": {
            "type": {"DataType": "String", "StringValue": event.type},
            "schema_version": {"DataType": "Number", "StringValue": str(event.envelope.schema_version)},
        },
    }


def _batches(entries: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    batches: list[list[dict[str, Any]]] = []
    size = 0
    for entry in entries:
        entry_bytes = len(entry["Message"].encode()) + 500
        if not batches or len(batches[-1]) == BATCH or size + entry_bytes > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append({"Id": str(len(batches[-1])), **entry})
        size += entry_bytes
    return batches
