"""neighbours: which metrics of what the alarm's service calls are read, to compare them with the alarm's. Pure.

Of each node what measures the same as the alarm's metric, at the same statistic and period, and its count of calls: a
call graph is followed by these alone. Of equal ones the metric with the fewest dimensions speaks for the whole node.
"""

from collections.abc import Sequence

from resilibot.contracts.quantity import Quantity, quantity_of
from resilibot.contracts.signal import MetricRef


def comparable(alarm: MetricRef, found: Sequence[MetricRef]) -> list[MetricRef]:
    """At most two of a node's metrics: the one like the alarm's, and its calls as a sum."""
    alike = [ref for ref in found if quantity_of(ref.name) is quantity_of(alarm.name)]
    calls = [ref for ref in found if quantity_of(ref.name) is Quantity.TRAFFIC]
    chosen = []
    if alike:
        nearest = min(alike, key=lambda ref: (ref.name != alarm.name, ref.namespace != alarm.namespace, *_order(ref)))
        changes = {"statistic": alarm.statistic, "period_s": alarm.period_s}
        chosen.append(nearest.model_copy(update=changes))
    if calls:
        whole = min(calls, key=lambda ref: (ref.namespace != alarm.namespace, *_order(ref)))
        chosen.append(whole.model_copy(update={"statistic": "Sum", "period_s": alarm.period_s}))
    return chosen


def _order(ref: MetricRef) -> tuple[int, str, str, str]:
    return (len(ref.dimensions), ref.namespace, ref.name, str(sorted(ref.dimensions.items())))
