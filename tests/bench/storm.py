"""storm: bursts of 10,000 alarms of 40 resources, then 200 distinct incidents at once; proved from the store.

`python -m tests.bench.storm [--bursts N] [--alarms N] [--resources N] [--other-resources] [--incidents N]` prints a
JSON line for each burst and one for the incidents. `worker_mb` is the intake worker's resident memory: before the
burst, and when each tenth of it was taken. Bursts are of the same resources (the worker may grow by the source ids it
remembers) or, with --other-resources, of new ones each (and by what it remembers of these). What is claimed is counted
in the tables themselves (commits as they lie there), not asked of the code that wrote them. The
raw rate is that of receiving and deleting in tens, by one thread, in the same run, from another queue of the same
emulator that is as long (the embedded one slows down with a queue's length).
Exit code 1 when something was lost, doubled, opened twice or looked at twice.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resilibot.local.home import HomePlan
from tests.support.house import House, living_in

PLANNED = ("PlanProposed", "NoRemedyFound")


def alarm(account: str, name: str, *, service: str, metric: str) -> dict[str, Any]:
    """An alarm notification as CloudWatch sends it."""
    return {
        "AlarmName": name,
        "AWSAccountId": account,
        "NewStateValue": "ALARM",
        "NewStateReason": "storm",
        "StateChangeTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
        "Region": "us-east-1",
        "Trigger": {
            "MetricName": metric,
            "Namespace": "Shop",
            "Statistic": "AVERAGE",
            "Period": 10,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Dimensions": [{"name": "Service", "value": service}],
        },
    }


def burst(
    house: House, alarms: int, resources: int, number: int = 0, *, others: bool = False, within_s: float = 1200
) -> dict[str, Any]:
    """`alarms` alarms of `resources` resources as fast as the queue takes them. Figures, and what does not hold.

    `number`: how many bursts were before; after the first, every resource has its open incident, unless this one is of
    `others`.
    """
    raw = raw_rate(house, alarms)
    before_mb, started, since = _resident_mb(house.pid("ingest")), time.monotonic(), datetime.now(UTC)
    first = number * resources if others else 0
    sent = _send(house, alarms, range(first, first + resources), number)
    sent_s = time.monotonic() - started
    curve = [(_waiting(house), _resident_mb(house.pid("ingest")))]
    while curve[-1][0] and time.monotonic() - started < within_s:
        time.sleep(0.25)
        curve.append((_waiting(house), _resident_mb(house.pid("ingest"))))
    events = [event for event in stored(house) if datetime.fromisoformat(event["recorded_at"]) >= since]
    received = Counter(e["data"]["signal"]["source_id"] for e in events if e["type"] == "SignalReceived.v1")
    opened = [e["stream"] for e in events if e["type"] == "IncidentOpened.v1"]
    taken = [datetime.fromisoformat(e["recorded_at"]) for e in events if e["type"] == "SignalReceived.v1"]
    took_s = (max(taken) - min(taken)).total_seconds() if taken else 0.0
    looks = Counter(e["stream"] for e in events if e["type"] == "EvidenceGathered.v1" and e["data"]["round"] == 1)
    rate = len(taken) / took_s if took_s else 0.0
    wrong = {
        "lost": len(set(sent) - set(received)),
        "doubled": sum(1 for number in received.values() if number > 1),
        "incidents_beside_the_expected": len(opened) - (0 if number and not others else resources),
        "investigated_twice": sum(1 for number in looks.values() if number > 1),
    }
    return {
        "alarms": alarms,
        "resources": resources,
        "sent_in_s": round(sent_s, 1),
        "signals_per_s": round(rate),
        "raw_receive_and_delete_per_s": round(raw),
        "ratio": round(rate / raw, 2),
        "worker_mb": {"before": before_mb, "by_tenth": _by_tenth(curve, alarms), "peak": max(mb for _, mb in curve)},
        "wrong": {name: number for name, number in wrong.items() if number},
    }


def distinct(house: House, incidents: int, within_s: float = 300) -> dict[str, Any]:
    """So many incidents at once, of a service that is known: each must come to a plan, or to a reasoned none."""
    since = datetime.now(UTC)
    bodies = [
        alarm(f"{n:012d}", "checkout-error-rate", service="checkout", metric="ErrorRate") for n in range(incidents)
    ]
    _publish(house, [json.dumps(body) for body in bodies])
    deadline = time.monotonic() + within_s
    while True:
        time.sleep(2)
        times = _milestones(house, since)
        done = [at for at in times.values() if "planned" in at]
        if len(done) >= incidents or time.monotonic() > deadline:
            break
    names = ("IncidentOpened", "EvidenceGathered", "DiagnosisReached", "planned")
    last = {name: round(max((at[name] for at in times.values() if name in at), default=0.0), 1) for name in names}
    missing = incidents - len(done)
    return {"incidents": incidents, "last_s": last, "wrong": {"without_plan": missing} if missing else {}}


def raw_rate(house: House, messages: int) -> float:
    """Messages a second that one thread receives and deletes, in tens."""
    sqs = house.client("sqs")
    url = sqs.create_queue(QueueName="storm-raw")["QueueUrl"]
    _fill(house, url, [json.dumps(alarm("0", "raw", service="raw", metric="raw"))] * messages)
    started, done = time.monotonic(), 0
    while done < messages:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
        if entries:
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        done += len(entries)
    rate = messages / (time.monotonic() - started)
    sqs.delete_queue(QueueUrl=url)
    return rate


def stored(house: House) -> Iterator[dict[str, Any]]:
    """Envelopes of every commit, in no order, straight from the table."""
    pages = house.client("dynamodb").get_paginator("scan").paginate(TableName="resilibot-events", ConsistentRead=True)
    for page in pages:
        for item in page["Items"]:
            yield from (json.loads(body["S"]) for body in item["events"]["L"])


def _by_tenth(curve: list[tuple[int, float]], alarms: int) -> list[float]:
    """Resident MB when so many tenths of the alarms were taken: the first sample from there on."""
    return [
        next((mb for left, mb in curve if left <= alarms * (10 - tenth) / 10), curve[-1][1]) for tenth in range(1, 11)
    ]


def _send(house: House, alarms: int, resources: range, burst: int) -> list[str]:
    """Straight to the intake queue, as SNS would put them there; returns the source ids that must be in the log."""
    bodies, ids = [], []
    for number in range(alarms):
        place = resources[number % len(resources)]
        message = alarm("111122223333", f"storm-{place}", service=f"storm-{place}", metric="Failures")
        ids.append(f"storm-{burst}-{number:06d}")
        notification = {"Type": "Notification", "MessageId": ids[-1], "Message": json.dumps(message)}
        bodies.append(json.dumps(notification))
    _fill(house, house.file.queues["intake"], bodies)
    return ids


def _fill(house: House, url: str, bodies: list[str]) -> None:
    sqs = house.client("sqs")
    tens = [bodies[start : start + 10] for start in range(0, len(bodies), 10)]

    def send(part: list[str]) -> None:
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(part)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        assert not failed, failed

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, tens))


def _publish(house: House, messages: list[str]) -> None:
    sns = house.client("sns")
    for start in range(0, len(messages), 10):
        entries = [{"Id": str(n), "Message": text} for n, text in enumerate(messages[start : start + 10])]
        sns.publish_batch(TopicArn=house.file.alarm_topic_arn, PublishBatchRequestEntries=entries)


def _waiting(house: House) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = house.client("sqs").get_queue_attributes(QueueUrl=house.file.queues["intake"], AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def _milestones(house: House, since: datetime) -> dict[str, dict[str, float]]:
    """Seconds after `since` at which each incident opened since then reached each kind of event first."""
    times: dict[str, dict[str, float]] = {}
    events = [e for e in stored(house) if e["stream"].startswith("incident#")]
    new = {e["stream"] for e in events if e["version"] == 1 and datetime.fromisoformat(e["recorded_at"]) >= since}
    for event in events:
        if event["stream"] in new:
            name = event["type"].partition(".")[0]
            at = (datetime.fromisoformat(event["recorded_at"]) - since).total_seconds()
            reached = times.setdefault(event["stream"], {})
            for word in (name, *(["planned"] if name in PLANNED else [])):
                reached[word] = min(at, reached.get(word, at))
    return times


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)


@contextmanager
def _home(*, with_world: bool) -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder, living_in(_plan(folder, with_world), is_told=False) as house:
        yield house


def _plan(folder: str, with_world: bool) -> HomePlan:
    settings = {"RESILIBOT_SIGNAL_BURST": "100000"}  # of one source: its rate is not what is measured here
    return HomePlan(Path(folder), with_world=with_world, settings=settings)


def main(bursts: int, alarms: int, resources: int, others: bool, incidents: int) -> int:
    figures = []
    if bursts:
        with _home(with_world=False) as house:
            for number in range(bursts):
                figures.append(burst(house, alarms, resources, number, others=others))
                print(json.dumps(figures[-1]), flush=True)
    if incidents:
        with _home(with_world=True) as house:
            house.warm_up()
            figures.append(distinct(house, incidents))
            print(json.dumps(figures[-1]), flush=True)
    return 1 if any(one["wrong"] for one in figures) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bursts", type=int, default=3)
    parser.add_argument("--alarms", type=int, default=10_000)
    parser.add_argument("--resources", type=int, default=40)
    parser.add_argument("--other-resources", action="store_true")
    parser.add_argument("--incidents", type=int, default=200)
    given = parser.parse_args()
    sys.exit(main(given.bursts, given.alarms, given.resources, given.other_resources, given.incidents))
