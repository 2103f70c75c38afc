"""budget: how many investigations run at once and per hour, and which one is next. Pure.

The truth is one stream, `control#budget`, touched only when an investigation under a budget starts, waits or ends:
its append is conditional on HEAD, so two workers never give away the same place. Room appears when a place is freed,
when its lease ends, or when an hour has passed since a grant (or a cost): each has its event or its timer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from resilibot.contracts import events as e
from resilibot.contracts.door_policy import Budget
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.signal import Severity

BUDGET = stream_id("control", "budget")
HOUR_S = 3600.0
AT_ONCE = 20  # grants in one commit: each sets up to two timers, and a DynamoDB transaction holds 100 items
OVERDUE_S = 1800.0  # whoever waited so long goes first, whatever is more severe: nobody waits for ever
RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass
class Spent:
    """The fold of control#budget. debt: the stream is folded whole; fine below some 10,000 investigations."""

    waiting: dict[str, e.SlotRequestedV1] = field(default_factory=dict)  # by incident, in the order of their coming
    held: dict[str, datetime] = field(default_factory=dict)  # by incident: when its lease ends
    granted_at: list[datetime] = field(default_factory=list)
    costs: list[tuple[datetime, Decimal]] = field(default_factory=list)

    def place_of(self, incident_id: str) -> str | None:
        """waiting, held, or None."""
        return "waiting" if incident_id in self.waiting else "held" if incident_id in self.held else None

    def why_full(self, budget: Budget, now: datetime) -> str | None:
        """The limit that is reached, or None while there is room."""
        since = now - timedelta(seconds=HOUR_S)
        running = sum(ends_at > now for ends_at in self.held.values())
        if budget.max_concurrent is not None and running >= budget.max_concurrent:
            return f"{budget.max_concurrent} investigations run at once"
        if budget.per_hour is not None and sum(at > since for at in self.granted_at) >= budget.per_hour:
            return f"{budget.per_hour} investigations per hour"
        spent = sum((cost for at, cost in self.costs if at > since), Decimal(0))
        if budget.usd_per_hour is not None and spent >= budget.usd_per_hour:
            return f"{budget.usd_per_hour} USD per hour"
        return None

    def next(self, now: datetime) -> str | None:
        """Whose turn it is: the overdue, then the most severe, then the oldest."""

        def turn(incident_id: str) -> tuple[bool, int, datetime]:
            request = self.waiting[incident_id]
            is_overdue = now - request.opened_at >= timedelta(seconds=OVERDUE_S)
            return (not is_overdue, 0 if is_overdue else -RANK[request.severity], request.opened_at)

        return min(self.waiting, key=turn, default=None)

    def ahead_of(self, request: e.SlotRequestedV1) -> int:
        mine = (-RANK[request.severity], request.opened_at)
        return sum((-RANK[other.severity], other.opened_at) <= mine for other in self.waiting.values())

    def grant(self, incident_id: str, now: datetime, lease_s: float) -> e.SlotGrantedV1:
        self.waiting.pop(incident_id, None)
        self.held[incident_id] = now + timedelta(seconds=lease_s)
        self.granted_at.append(now)
        return e.SlotGrantedV1(incident_id=incident_id, lease_s=lease_s)

    def fill(self, budget: Budget | None, now: datetime) -> list[e.SlotGrantedV1]:
        """Grants for as many as there is room for, AT_ONCE at most; each is a cause upon which the next ones follow.

        Without a budget (any more) there is room for all.
        """
        granted: list[e.SlotGrantedV1] = []
        while len(granted) < AT_ONCE and (incident_id := self.next(now)) is not None:
            if budget is not None and self.why_full(budget, now) is not None:
                break
            granted.append(self.grant(incident_id, now, budget.lease_s if budget else HOUR_S))
        return granted


def fold_budget(events: Sequence[RecordedEvent]) -> Spent:
    spent = Spent()
    for recorded in events:
        event, at = recorded.readable, recorded.envelope.recorded_at
        if isinstance(event, e.SlotRequestedV1):
            spent.waiting[event.incident_id] = event
        elif isinstance(event, e.SlotGrantedV1):
            spent.grant(event.incident_id, at, event.lease_s)
        elif isinstance(event, e.SlotReleasedV1):
            spent.waiting.pop(event.incident_id, None)
            spent.held.pop(event.incident_id, None)
            if Decimal(event.cost_usd):
                spent.costs.append((at, Decimal(event.cost_usd)))
    return spent
