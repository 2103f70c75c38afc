"""grafana: the webhook of Grafana's legacy alerting (up to version 8). Pure. The newer one is read by alertmanager.

Format: Grafana 8 documentation, "Alert notifications", webhook.
"""

from collections.abc import Iterator
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import one_of, pairs, text, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import by_word

STATES: dict[str, SignalState | None] = {
    "alerting": "ALARM",
    "ok": "OK",
    "no_data": "INSUFFICIENT_DATA",
    **dict.fromkeys(("pending", "paused", "unknown"), None),
}


def recognises(body: dict[str, Any]) -> bool:
    return "ruleName" in body and "state" in body and ("evalMatches" in body or "ruleId" in body)


def read(record: Record) -> Iterator[Item]:
    body = record.body
    name = text(body, "ruleName", record.place)
    state = one_of(body, "state", STATES, record.place)
    if state is None:
        yield ignored(record, "grafana", f"rule {name}", f"{words(body, 'state')} is no alarm")
        return
    tags = pairs(body.get("tags"))
    yield build.signal(
        record,
        source="grafana",
        name=name,
        identity=f"{words(body, 'orgId')}/{words(body, 'ruleId')}",
        state=state,
        title=f"{name}: {words(body, 'title')}" if words(body, "title") else "",
        reason=words(body, "message"),
        severity=by_word("grafana", "severity", tags.get("severity")),
        resource=build.resource_ref(name=words(body, "evalMatches.0.tags.instance") or name),
        tags=tags,
        links=[body.get("ruleUrl"), body.get("imageUrl")],
    )


SOURCE = Source("grafana", recognises, read)
