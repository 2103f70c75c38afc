"""worker NAME: one process per service; polls its queues and calls the Lambda handlers with Lambda-shaped batches.

Stands where AWS has the SQS event source mapping: batches of ten (of intake more, in a storm), order within a message
group, partial batch failure, visibility extended while a handler runs. `relay`, `sequencer` and `timers` are workers
too.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from resilibot.local.home_file import STUCK_S, HomeFile
from resilibot.local.requests import RequestCounter
from resilibot.local.roster import Feed, feeds
from resilibot.local.structured_logs import configure_logging

log = logging.getLogger(__name__)

BATCH = 10  # of one request
ASKED_ABREAST = 5  # further receives at a time
GATHER_S = 2.0  # longest time to gather a larger batch: less than visibility, which runs from the first receive
POLL_S = 5  # long poll; also the longest wait for a worker to notice that it shall stop
STORM_VISIBILITY = 3  # times as long for what a large batch adds to its first ten, so that it needs few heartbeats
STORM_BYTES = 16_000_000  # of one large batch: what is more waits its turn
HEARTBEAT_S = 3  # visibility is 10 s: a killed worker's group waits seconds, not minutes
ERROR_PAUSE_S = 0.5
RETRY_S = 4  # at most, before what failed is tried again
LOOK_S = 20  # between two looks for stuck streams
QUIET_S = 3


class Poller:
    """Feeds one handler from one queue."""

    def __init__(self, sqs: Any, queue_url: str, feed: Feed, visibility_s: int) -> None:
        self._sqs = sqs
        self._url = queue_url
        self._handler = feed.load()
        self._by_group = feed.by_group
        self._at_once = feed.at_once
        self._visibility_s = visibility_s
        self._pool = ThreadPoolExecutor(BATCH, thread_name_prefix=feed.queue)

    def poll(self) -> int:
        """Receive, handle and acknowledge one batch. Returns the number of messages received."""
        messages = self._receive()
        if messages:
            with _Heartbeat(self._sqs, self._url, messages, self._visibility_s):
                failed = self._handle(messages)
            self._acknowledge(messages, failed)
        return len(messages)

    def _receive(self) -> list[dict[str, Any]]:
        """One batch: whoever gets ten at once finds more behind them, and asks on while the batch may grow."""
        messages = received = self._ask(POLL_S, self._visibility_s)
        deadline = time.monotonic() + GATHER_S
        asked = 1
        while len(received) == asked * BATCH and len(messages) < self._at_once and time.monotonic() < deadline:
            if sum(len(message["Body"]) for message in messages) > STORM_BYTES:
                break
            asked = min(ASKED_ABREAST, (self._at_once - len(messages)) // BATCH)
            longer = [self._visibility_s * STORM_VISIBILITY] * asked
            received = [message for part in self._pool.map(self._ask, [0] * asked, longer) for message in part]
            messages = messages + received
        return messages

    def _ask(self, wait_s: int, visibility_s: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=visibility_s,
            AttributeNames=["MessageGroupId", "ApproximateReceiveCount", "SentTimestamp"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _handle(self, messages: list[dict[str, Any]]) -> dict[str, int | None]:
        """Ids of the messages that failed, with the delay that the handler asked for.

        Raises what the handler raises; then none is acknowledged.
        """
        calls: dict[str, list[dict[str, Any]]] = {}
        for message in messages:
            group = message["Attributes"].get("MessageGroupId", "") if self._by_group else ""
            calls.setdefault(group, []).append(_record(message))
        results = self._pool.map(lambda records: self._handler({"Records": records}, None), calls.values())
        failures = [item for result in results for item in result["batchItemFailures"]]
        return {item["itemIdentifier"]: item.get("delaySeconds") for item in failures}

    def _acknowledge(self, messages: list[dict[str, Any]], failed: Mapping[str, int | None]) -> None:
        done = [m for m in messages if m["MessageId"] not in failed]
        entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)]
        parts = _tens(entries)
        list(self._pool.map(lambda part: self._sqs.delete_message_batch(QueueUrl=self._url, Entries=part), parts))
        later = [
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": self._delay_s(m, failed)}
            for i, m in enumerate(messages)
            if m["MessageId"] in failed
        ]
        for part in _tens(later):
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=part)

    def _delay_s(self, message: Mapping[str, Any], failed: Mapping[str, int | None]) -> int:
        """As asked for; else try again soon, then later: the queue buries it after some receives."""
        received = int(message["Attributes"]["ApproximateReceiveCount"])
        asked = failed[message["MessageId"]]
        return min(2 ** (received - 1), RETRY_S) if asked is None else asked


class _Heartbeat:
    """Keeps a batch invisible while its handler runs: its first ten at each beat, the others at each third."""

    def __init__(self, sqs: Any, url: str, messages: list[dict[str, Any]], visibility_s: int) -> None:
        self._sqs = sqs
        self._url = url
        times = [1 if i < BATCH else STORM_VISIBILITY for i in range(len(messages))]
        self._entries = [
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": visibility_s * times[i]}
            for i, m in enumerate(messages)
        ]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _beat(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        beat = 0
        while not self._done.wait(HEARTBEAT_S):
            beat += 1
            parts = _tens(self._entries)
            try:
                for part in parts if beat % STORM_VISIBILITY == 0 else parts[:1]:
                    self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=part)
            except (BotoCoreError, ClientError) as error:
                log.warning("heartbeat failed: %s", error)


def _tens(entries: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "eventSource": "aws:sqs",
    }


def run_forever(step: Callable[[], object], stopping: threading.Event, pause_s: float = 0) -> None:
    """Call `step` until told to stop; an error is logged and does not end the worker."""
    while not stopping.is_set():
        try:
            step()
        except Exception:  # boundary 3 of 3 (style): the worker's loop outlives a failing emulator or handler
            log.exception("worker step failed")
            stopping.wait(ERROR_PAUSE_S)
        if pause_s:
            stopping.wait(pause_s)


def main(name: str, home: HomeFile) -> None:
    """Run worker `name` until SIGTERM."""
    configure_logging(name)
    RequestCounter(home.run_dir / f"{name}.requests.json").install()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's ^C goes to the whole group; the parent stops us
    loops = _loops(name, home)
    threads = [
        threading.Thread(target=run_forever, args=(step, stopping, pause_s), daemon=True) for step, pause_s in loops
    ]
    for thread in threads:
        thread.start()
    (home.run_dir / f"{name}.ready").write_text(str(os.getpid()))
    stopping.wait()
    deadline = time.monotonic() + 2
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))


def _loops(name: str, home: HomeFile) -> list[tuple[Callable[[], object], float]]:
    if name == "relay":
        from resilibot.local.backbone import make_relay, make_watch

        relay = make_relay(home)
        return [(_relaying(relay, make_watch(relay, home), home), 0)]
    if name == "sequencer":
        from resilibot.local.backbone import make_sequencer

        return [(make_sequencer().poll, home.sequencer_pause_s)]
    if name == "timers":
        from resilibot.local.audit_trail import make_checkpointing, settings_of
        from resilibot.local.backbone import make_tick

        interval_s = settings_of(home.env).checkpoint_interval_s
        return [(make_tick(home), home.tick_s), (make_checkpointing(), interval_s)]
    import boto3
    from botocore.config import Config

    sqs = boto3.client(
        "sqs", config=Config(read_timeout=POLL_S + 10, retries={"total_max_attempts": 2}, max_pool_connections=25)
    )
    pollers = [Poller(sqs, home.queues[feed.queue], feed, home.visibility_s) for feed in feeds(name)]
    linger_s = home.projection_linger_s if name == "projections" else 0
    return [*((_lingering(p.poll, linger_s), 0) for p in pollers), *(_watching() if name == "observe" else ())]


def _lingering(poll: Callable[[], int], linger_s: float) -> Callable[[], None]:
    """After a batch that was not full, let events of the same streams gather; while more of them wait, go on."""

    def step() -> None:
        if 0 < poll() < BATCH and linger_s:
            time.sleep(linger_s)

    return step


def _watching() -> list[tuple[Callable[[], object], float]]:
    """Stands where AWS has a schedule: the rounds of the declared watches, and no loop where none are declared."""
    from resilibot.observe.handler import watch_handler
    from resilibot.observe.settings import ObserveSettings

    settings = ObserveSettings()
    return [(lambda: watch_handler({}, None), settings.watch_every_s)] if settings.watch_file else []


def _relaying(relay: Any, watch: Any, home: HomeFile) -> Callable[[], object]:
    """Poll, fast while events flow and slower when it is quiet; now and then look for stuck streams.

    One thread does both, since a relay keeps its place in memory.
    """
    looked_at = flowed_at = time.monotonic()

    def step() -> None:
        nonlocal looked_at, flowed_at
        if relay.poll():
            flowed_at = time.monotonic()
        if time.monotonic() - looked_at > LOOK_S:
            looked_at = time.monotonic()
            watch.look(older_than_s=STUCK_S)
        is_quiet = time.monotonic() - flowed_at > QUIET_S
        time.sleep(home.relay_quiet_pause_s if is_quiet else home.relay_pause_s)

    return step


if __name__ == "__main__":
    main(sys.argv[1], HomeFile.read(Path(sys.argv[2])))
