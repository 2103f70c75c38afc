"""Asked record: five lived incidents as read models, and questions put to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from resilibot.contracts.case import fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections import answering
from resilibot.projections.answers import Reply
from resilibot.projections.ask import vocabulary
from resilibot.projections.ports import Ports
from resilibot.projections.project import fold_view
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from tests.support.past_incidents import lived
from tests.support.read_models import Database, MemoryReadModels
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)  # a Saturday; the stories begin on Tuesday the 24th at noon
CHECKOUT_FIRST = lived("hung", "checkout", 1, number=10)  # Tuesday 22:00
PAYMENTS = lived("release", "payments-api", 1, number=60)  # Friday 00:00
CHECKOUT = lived("hung", "checkout", 2, number=85)  # Saturday 01:00: last night
CATALOGUE = lived("disk", "catalogue", 1, number=92, is_resolved=False)  # Saturday 08:00, still open
ORDERS = (INCIDENT, recorded(f"incident#{INCIDENT}", INCIDENT_EVENTS[:28]))  # Tuesday 12:00, resolved
LOGS: dict[str, Sequence[RecordedEvent]] = dict([CHECKOUT_FIRST, PAYMENTS, CHECKOUT, CATALOGUE, ORDERS])
NAMES = {
    "checkout": CHECKOUT[0],
    "first": CHECKOUT_FIRST[0],
    "payments": PAYMENTS[0],
    "catalogue": CATALOGUE[0],
    "orders": ORDERS[0],
}


def ports_over(logs: Mapping[str, Sequence[RecordedEvent]], **too: Any) -> Ports:
    models = MemoryReadModels(Database())
    for own, log in logs.items():
        view = fold_view(f"incident#{own}", log)
        models.save(f"incident#{own}", view.states(), view.version)
    return Ports(InMemoryEventStore(), models, **{"clock": ManualClock(NOW), **too})


PORTS = ports_over(LOGS)
KNOWN = vocabulary(PORTS.models.newest_incidents(100, None)[0])


def ask(text: str, ports: Ports = PORTS) -> dict[str, Any]:
    told = answering.answer(ports, text)
    Reply.model_validate(told)
    return told


def about(told: Mapping[str, Any]) -> set[str]:
    """The incidents that are cited, by name."""
    by_id = {own: name for name, own in NAMES.items()}
    return {by_id[citation["incident_id"]] for citation in told["citations"]}


def assert_resolves(told: Mapping[str, Any], logs: Mapping[str, Sequence[RecordedEvent]] = LOGS) -> None:
    """Every citation is an event of that stream, at that version, and holds the evidence meant."""
    for cited in told["citations"]:
        event = logs[cited["incident_id"]][cited["version"] - 1]
        assert event.id == cited["event_id"]
        if cited["evidence_id"]:
            case = fold(cited["incident_id"], [event])
            assert cited["evidence_id"] in case.evidence()


class Paged(MemoryReadModels):
    """Rows in pages, as the real one gives them."""

    asked = 0

    def newest_incidents(
        self, limit: int, cursor: str | None, opened_by: datetime | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        self.asked += 1
        rows, _ = super().newest_incidents(10**6, None, opened_by)
        start = int(cursor or 0)
        return rows[start : start + limit], str(start + limit) if start + limit < len(rows) else None


def many(number: int) -> Ports:
    models, (own, log) = Paged(Database()), CATALOGUE
    states = fold_view(f"incident#{own}", log).states()
    for n in range(number):
        opened = (NOW - timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        row = {**states["incidents"], "incident_id": f"{own[:20]}{n:06d}", "opened_at": opened}
        models.save(f"incident#{row['incident_id']}", {**states, "incidents": row}, 1)
    return Ports(InMemoryEventStore(), models, clock=ManualClock(NOW))
