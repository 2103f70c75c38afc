"""dead letters: list, show and redrive what no service could handle. Nothing in them is lost or executed.

Redrive is receive, send, delete (the embedded emulator has no StartMessageMoveTask); a crash in between leaves the
message in both places, which is harmless, since handling a message twice does nothing twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resilibot.local.home_file import HomeFile

PEEK_S = 2  # how long a shown message stays invisible to others


class UnknownQueue(Exception):
    code = "unknown_queue"


@dataclass(frozen=True)
class DeadLetter:
    queue: str
    message_id: str
    group: str | None
    received: int
    body: str
    receipt: str


class DeadLetters:
    def __init__(self, home: HomeFile, sqs: Any) -> None:
        self._home = home
        self._sqs = sqs

    def depths(self) -> dict[str, int]:
        """Messages in each dead letter queue, by service name."""
        return {name: self._depth(url) for name, url in self._home.dead_letters.items()}

    def intake(self) -> dict[str, int]:
        """Raw signals: `waiting` to be taken, `held` by a worker or back until their source's turn comes."""
        names = {"waiting": "ApproximateNumberOfMessages", "held": "ApproximateNumberOfMessagesNotVisible"}
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._home.queues["intake"], AttributeNames=list(names.values())
        )
        return {word: int(answer["Attributes"][name]) for word, name in names.items()}

    def show(self, queue: str, limit: int = 10) -> list[DeadLetter]:
        """Up to `limit` dead letters, which stay where they are."""
        letters = list(self._receive(queue, limit))
        for letter in letters:
            self._sqs.change_message_visibility(
                QueueUrl=self._url(queue), ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )
        return letters

    def redrive(self, queue: str, limit: int = 100) -> int:
        """Send dead letters back to the queue they came from. Returns how many."""
        moved = 0
        for letter in self._receive(queue, limit):
            order: dict[str, str] = {}
            if letter.group is not None:  # a new deduplication id, else FIFO would swallow it
                order = {
                    "MessageGroupId": letter.group,
                    "MessageDeduplicationId": f"redrive:{letter.message_id}:{letter.received}",
                }
            self._sqs.send_message(QueueUrl=self._home.queues[queue], MessageBody=letter.body, **order)
            self._sqs.delete_message(QueueUrl=self._url(queue), ReceiptHandle=letter.receipt)
            moved += 1
        return moved

    def _receive(self, queue: str, limit: int) -> Iterator[DeadLetter]:
        url = self._url(queue)
        wait_s = PEEK_S + 1 if self._depth(url) else 0  # someone else may be looking at them right now
        seen: set[str] = set()
        while len(seen) < limit:
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(10, limit - len(seen)),
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=PEEK_S,
                AttributeNames=["MessageGroupId", "ApproximateReceiveCount"],
            )
            fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
            if not fresh:
                return
            wait_s = 0
            for message in fresh:
                seen.add(message["MessageId"])
                attributes = message.get("Attributes", {})
                yield DeadLetter(
                    queue=queue,
                    message_id=message["MessageId"],
                    group=attributes.get("MessageGroupId"),
                    received=int(attributes.get("ApproximateReceiveCount", "1")),
                    body=message["Body"],
                    receipt=message["ReceiptHandle"],
                )

    def _depth(self, url: str) -> int:
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return sum(int(value) for value in attributes.values())

    def _url(self, queue: str) -> str:
        try:
            return self._home.dead_letters[queue]
        except KeyError:
            raise UnknownQueue(f"{queue}: one of {', '.join(sorted(self._home.dead_letters))}") from None
