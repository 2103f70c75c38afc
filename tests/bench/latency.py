"""latency: from the moment an alarm is published to the recorded DiagnosisReached, through the whole product.

Each alarm names the drill's real service under an account of its own, so that each is an incident of its own, with
real evidence: metrics, logs, a health check on both hosts, the release record, runbooks.
"""

import json
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from tests.support.house import House, until


def sequential(house: House, count: int) -> list[float]:
    """Seconds per incident, one after the other."""
    return [_seconds(house, *_publish(house, number)) for number in range(count)]


def burst(house: House, count: int) -> list[float]:
    """Seconds per incident, all published at once."""
    published = [_publish(house, 1000 + number) for number in range(count)]
    return [_seconds(house, *one) for one in published]


def figures(seconds: list[float]) -> dict[str, float]:
    return {
        "incidents": len(seconds),
        "p50_s": round(median(seconds), 3),
        "p95_s": round(quantiles(seconds, n=20)[-1], 3),
        "max_s": round(max(seconds), 3),
    }


def _publish(house: House, number: int) -> tuple[str, datetime]:
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


def _seconds(house: House, account: str, published: datetime) -> float:
    """Waits in the store's own words: the read models come later."""
    incident_id = until(lambda: _incident_of(house, account), 60, f"incident of {account}")

    def diagnosed() -> Any:
        events = house.api.get(f"/incidents/{incident_id}/events")["events"]
        return next((e["envelope"] for e in events if e["envelope"]["type"].startswith("DiagnosisReached")), None)

    envelope = until(diagnosed, 60, "the diagnosis")
    time.sleep(0.2)
    return (datetime.fromisoformat(envelope["recorded_at"]) - published).total_seconds()


def _incident_of(house: House, account: str) -> str | None:
    for row in house.api.get("/incidents", limit=100)["incidents"]:
        if house.api.get(f"/incidents/{row['incident_id']}")["resource"]["account"] == account:
            incident_id: str = row["incident_id"]
            return incident_id
    return None
