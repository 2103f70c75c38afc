"""CloudWatch metrics: one ListMetrics for what there is, one GetMetricData for all of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from resilibot.contracts.event import format_time
from resilibot.contracts.signal import MetricRef
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.ports import Series


class CloudWatchMetrics:
    name = "cloudwatch"

    def __init__(self, client: Any) -> None:
        self._client = client

    def related(self, namespace: str | None, dimensions: dict[str, str]) -> list[MetricRef]:
        arguments: dict[str, Any] = {"Dimensions": [{"Name": k, "Value": v} for k, v in sorted(dimensions.items())]}
        if namespace:
            arguments["Namespace"] = namespace
        found: dict[tuple[str, ...], MetricRef] = {}
        with asking(f"ListMetrics {arguments}"):
            for page in self._client.get_paginator("list_metrics").paginate(**arguments):
                for metric in page["Metrics"]:
                    own = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
                    if dimensions.items() <= own.items():  # an emulator may not filter
                        ref = MetricRef(
                            namespace=metric["Namespace"],
                            name=metric["MetricName"],
                            statistic="Average",
                            period_s=60,
                            dimensions=own,
                        )
                        found[(ref.namespace, ref.name, *(f"{k}={v}" for k, v in sorted(own.items())))] = ref
        return [found[key] for key in sorted(found)]

    def read(self, metrics: Sequence[MetricRef], start: datetime, end: datetime) -> list[Series]:
        queries = [_query(f"m{i}", metric) for i, metric in enumerate(metrics)]
        points: dict[str, list[tuple[datetime, float]]] = {query["Id"]: [] for query in queries}
        with asking(f"GetMetricData of {len(queries)} metrics"):
            arguments = {"StartTime": start, "EndTime": end, "ScanBy": "TimestampAscending"}
            pages = self._client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **arguments)
            for page in pages:
                for result in page["MetricDataResults"]:
                    points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
        return [
            Series(metric, tuple(sorted(points[query["Id"]])), _recorded(query, start, end))
            for query, metric in zip(queries, metrics, strict=True)
        ]


def _query(identifier: str, metric: MetricRef) -> dict[str, Any]:
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": k, "Value": v} for k, v in sorted(metric.dimensions.items())],
            },
            "Period": metric.period_s,
            "Stat": metric.statistic,
        },
    }


def _recorded(query: dict[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
    stat = query["MetricStat"]
    return {
        "operation": "GetMetricData",
        "StartTime": format_time(start),
        "EndTime": format_time(end),
        "Period": stat["Period"],
        "Stat": stat["Stat"],
        **stat["Metric"],
    }
