"""The poller between a queue and a handler: how much it takes at once, and when what failed comes back."""

import json
import time
from typing import Any

import pytest

from resilibot.local import worker
from resilibot.local.roster import Feed
from resilibot.local.worker import Poller


class FakeQueue:
    """SQS as far as the poller asks it; each receive gives the next ten."""

    def __init__(self, bodies: list[str], received: int = 1) -> None:
        self.waiting = [self._message(number, body, received) for number, body in enumerate(bodies)]
        self.deleted: list[str] = []
        self.visible_after: dict[str, int] = {}

    @staticmethod
    def _message(number: int, body: str, received: int) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(received), "SentTimestamp": "0"}
        return {"MessageId": str(number), "ReceiptHandle": f"r{number}", "Body": body, "Attributes": attributes}

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        most = asked["MaxNumberOfMessages"]
        given, self.waiting = self.waiting[:most], self.waiting[most:]
        return {"Messages": given} if given else {}

    def delete_message_batch(self, **asked: Any) -> None:
        self.deleted += [entry["ReceiptHandle"] for entry in asked["Entries"]]

    def change_message_visibility_batch(self, **asked: Any) -> None:
        self.visible_after |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in asked["Entries"]}


def polled(queue: FakeQueue, failures: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, at_once: int = 10) -> int:
    monkeypatch.setattr(Feed, "load", lambda self: lambda event, context: {"batchItemFailures": failures})
    return Poller(queue, "url", Feed("intake", "m:f", by_group=False, at_once=at_once), 10).poll()


def test_what_the_handler_holds_back_comes_back_when_it_asked_and_the_rest_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = FakeQueue(["{}"] * 4)
    asked = [{"itemIdentifier": "1", "delaySeconds": 37}, {"itemIdentifier": "2"}]
    assert polled(queue, asked, monkeypatch) == 4
    assert queue.deleted == ["r0", "r3"]
    assert queue.visible_after == {"r1": 37, "r2": 1}


def test_what_fails_again_and_again_waits_longer_but_never_long(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = FakeQueue(["{}"], received=6)
    polled(queue, [{"itemIdentifier": "0"}], monkeypatch)
    assert queue.visible_after == {"r0": worker.RETRY_S}


def test_a_large_batch_ends_where_its_bytes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STORM_BYTES", 30_000)
    large = FakeQueue([json.dumps("x" * 2_000)] * 400)
    assert 20 <= polled(large, [], monkeypatch, at_once=1_000) < 100
    small = FakeQueue(["{}"] * 400)
    assert polled(small, [], monkeypatch, at_once=1_000) == 400


@pytest.mark.parametrize(("received", "paused"), [(0, []), (1, [0.4]), (9, [0.4]), (10, [])])
def test_events_may_gather_only_while_no_more_of_them_wait(
    received: int, paused: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    worker._lingering(lambda: received, 0.4)()
    assert slept == paused
