"""latency: from the moment an alarm is published to the recorded DiagnosisReached, through the whole product.

Each alarm names the drill's real service under an account of its own, so that each is an incident of its own, with
real evidence: metrics, logs, a health check on both hosts, the release record, runbooks.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from resilibot.local.drill import known_incidents
from tests.support.house import House, until


def sequential(house: House, count: int) -> list[float]:
    """Seconds per incident, one after the other."""
    return [seconds for number in range(count) for seconds in _diagnosed(house, [1 + number])]  # 0 is the drills' own


def burst(house: House, count: int) -> list[float]:
    """Seconds per incident, all published at once."""
    return _diagnosed(house, [1000 + number for number in range(count)])


def repeated(house: House, times: int) -> dict[str, float | None]:
    """Seconds from alarm to recovery of a hung worker: with its one alarm, and with that repeated `times` times."""

    def repeat() -> None:
        house.repeat(until(lambda: house.open_incident("checkout"), 30, "the incident"), times)

    alone = house.drill("hung-worker", approve=None).alarm_to_recovery_s
    flooded = house.drill("hung-worker", approve=None, injected=repeat).alarm_to_recovery_s
    return {"one_s": alone, f"repeated_{times}_times_s": flooded}


def figures(seconds: list[float]) -> dict[str, float]:
    return {
        "incidents": len(seconds),
        "p50_s": round(median(seconds), 3),
        "p95_s": round(quantiles(seconds, n=20)[-1], 3),
        "max_s": round(max(seconds), 3),
    }


def _diagnosed(house: House, numbers: list[int]) -> list[float]:
    """Publish one alarm per number, then ask, seldom, whether all are diagnosed; the times are the store's own."""
    known = known_incidents(house.api)
    with ThreadPoolExecutor(min(8, len(numbers))) as pool:
        published = dict(pool.map(lambda number: _publish(house, number), numbers))

    def all_diagnosed() -> Any:
        time.sleep(0.4)
        rows = house.api.get("/incidents", limit=100)["incidents"]
        new = [row["incident_id"] for row in rows if row["incident_id"] not in known]
        are_diagnosed = all(row["outcome"] for row in rows if row["incident_id"] in new)
        return new if are_diagnosed and len(new) == len(numbers) else None

    seconds = []
    for incident_id in until(all_diagnosed, 60, "the diagnoses"):
        events = house.api.get(f"/incidents/{incident_id}/events")["events"]
        account = events[0]["envelope"]["data"]["signal"]["resource"]["account"]
        diagnosed = next(e["envelope"] for e in events if e["envelope"]["type"].startswith("DiagnosisReached"))
        seconds.append((datetime.fromisoformat(diagnosed["recorded_at"]) - published[account]).total_seconds())
    return seconds


def _publish(house: House, number: int) -> tuple[str, datetime]:
    """Account of the alarm, and when it was published."""
    account = f"{number:012d}"
    at = datetime.now(UTC)
    message = {
        "AlarmName": "checkout-error-rate",
        "AWSAccountId": account,
        "NewStateValue": "ALARM",
        "NewStateReason": "benchmark",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
        "Region": "us-east-1",
        "Trigger": {
            "MetricName": "ErrorRate",
            "Namespace": "Shop",
            "Statistic": "AVERAGE",
            "Period": 10,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Dimensions": [{"name": "Service", "value": "checkout"}],
        },
    }
    house.client("sns").publish(TopicArn=house.file.alarm_topic_arn, Message=json.dumps(message))
    return account, at
