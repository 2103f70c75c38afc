"""Incidents from the alarm to the recovery, with real evidence and the real reasoner's diagnosis: a past.

Two of the same fault and service differ in hosts, releases, noise and counts, as a second occurrence does.
"""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import Citation, Finding
from resilibot.contracts.similar import Past, remembered
from resilibot.reason.diagnose import diagnose
from resilibot.runtime.testing import NOON
from tests.support.act_world import opened
from tests.support.scene_builder import World
from tests.support.story import recorded
from tests.support.synthetic import incident_id

FAULTS = ("hung", "release", "disk", "overload", "calls")
REMEDIES = {"hung": "ssm.restart_service", "release": "ssm.rollback_release"}


def world_of(fault: str, service: str, seed: int) -> World:
    """The fault as it was seen the `seed`th time."""
    a, b = (f"i-{random.Random(seed * 10 + n).randrange(16**12):017x}" for n in (1, 2))
    base = World(hosts=(a, b), service=service, seed=seed)
    if fault == "hung":
        lines = ((f"ERROR time-out after 3000 ms on {a}", a),)
        return replace(
            base, silent=[a], errors={service: 50, a: 100}, latency={service: 300, a: 600}, error_lines=lines
        )
    if fault == "release":
        lines = ((f"ERROR {service} failed release={seed} KeyError", None),)
        return replace(base, release_lead_s=5.0 + seed, errors={service: 50, a: 50, b: 50}, error_lines=lines)
    if fault == "disk":
        return replace(base, errors={service: 25, a: 50}, error_lines=[(f"ERROR volume vol-{seed:08x} is full", a)])
    if fault == "overload":
        slow = {service: 400.0, a: 400.0, b: 400.0}
        return replace(base, traffic=90 + seed, latency=slow, alarm="latency")
    lines = (("ERROR connection refused to payments-api", None),)
    return replace(base, errors={service: 90, a: 90, b: 90}, error_lines=lines)


def lived(
    fault: str, service: str, seed: int, *, number: int = 0, is_resolved: bool = True
) -> tuple[str, list[RecordedEvent]]:
    """Id and log of an incident of its own, from its opening to its recovery; `number` orders incidents in time."""
    own = incident_id(number)
    gathered = world_of(fault, service, seed).gathered()
    start = opened_event(fault, service)
    case = fold(own, renamed(own, [start], number))
    diagnosis = diagnose(case, gathered)
    told: list[DomainEvent] = [start, gathered, diagnosis]
    remedy = REMEDIES.get(fault)
    if remedy is not None:
        action = e.ActionStartedV1(
            action_id="a1",
            round=1,
            step_id="s1",
            action=remedy,
            target=f"service/{service}",
            arguments={},
            arguments_hash="0" * 64,
            basis="policy",
            grant_id=None,
            policy_version="p1",
            client_token="t",
            not_after=NOON,
            lease_s=60,
        )
        told += [action, e.ActionSucceededV1(action_id="a1", provider_id="x1", output="done")]
    if is_resolved:
        item = gathered.items[0]
        finding = Finding(text="well", citations=[Citation(evidence_id=item.id, content_hash=item.content_hash)])
        told.append(e.IncidentResolvedV1(round=2, summary="well again", findings=[finding]))
    return own, renamed(own, told, number)


def opened_event(fault: str, service: str) -> e.IncidentOpenedV1:
    plain = opened()
    kind = "latency" if fault == "overload" else "failures"
    resource = plain.resource.model_copy(update={"service": service, "name": f"Web Service={service}"})
    signal = plain.signal.model_copy(update={"name": f"{service}-{kind}", "resource": resource})
    title = f"{service}-{kind} is in ALARM"
    return plain.model_copy(update={"resource": resource, "signal": signal, "title": title, "fingerprint": service})


def renamed(
    own: str, events: list[DomainEvent], number: int, every: timedelta = timedelta(hours=1)
) -> list[RecordedEvent]:
    """The events as a stream of this incident, begun `number` times `every` after noon."""
    log: list[RecordedEvent] = []
    for place, plain in enumerate(recorded(f"incident#{own}", events)):
        moment = plain.envelope.recorded_at + timedelta(hours=number)
        changes: dict[str, Any] = {
            "id": f"01JD9Z{number:09d}{place:011d}",
            "recorded_at": moment,
            "occurred_at": moment,
            "causation_id": log[-1].id if log else None,
        }
        log.append(RecordedEvent.after(log[-1].hash if log else "0" * 64, plain.envelope.model_copy(update=changes)))
    return log


def case_of(told: tuple[str, list[RecordedEvent]]) -> IncidentCase:
    return fold(*told)


def past_of_case(case: IncidentCase) -> Past:
    assert isinstance(case.opened_at, datetime)
    return Past(incident_id=case.incident_id, opened_at=case.opened_at, remembered=remembered(case))
