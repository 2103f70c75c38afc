"""P8: the same recorded inputs give the same decisions: reason, plan and the gate are asked again, in retrospect.

Each is shown exactly what lay in the store when its own commit was appended.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from resilibot.act import service as act
from resilibot.act.gate import GateFacts
from resilibot.act.policy import DEFAULT
from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.plan.propose import propose
from resilibot.reason import service as reason
from resilibot.runtime.service import On, Trigger
from tests.simulation.house import ACT, KEY
from tests.simulation.run import Run
from tests.simulation.stores import Written

FACTS = GateFacts(ACT, DEFAULT, KEY)


def same_inputs_same_decisions(run: Run) -> Iterator[str]:
    streams: dict[str, list[RecordedEvent]] = defaultdict(list)
    for written in run.journal.written:
        if written.service in ("reason", "plan", "act"):
            yield from _differs(run, written, streams)
        for append in written.appends:
            streams[append.stream] += append.events


def _differs(run: Run, written: Written, streams: dict[str, list[RecordedEvent]]) -> Iterator[str]:
    own = written.appends[0]
    first = own.events[0]
    cause = next((event for event in streams[own.stream] if event.id == first.envelope.causation_id), None)
    if cause is None:
        return  # a timer, or a person
    case = fold(own.stream.partition("#")[2], streams[own.stream])
    trigger = Trigger(cause, written.now)
    again: Sequence[Any]
    if written.service == "reason":
        again = reason.decide(case, trigger, None)
    elif written.service == "plan":
        again = propose(case, trigger, None)
    elif isinstance(first.event, e.PlanGatedV1):
        reaction = act.SERVICE.reactions[e.PlanProposedV1]
        facts = replace(FACTS, door=run.scenario.policy)
        joined = {name: tuple(streams[name]) for name in reaction.joined_streams(case, trigger, facts)}
        again = reaction.decide(case, Trigger(cause, written.now, None, joined), facts)
    else:
        return  # the outcome of an effect: the world decided
    if _shown(again) != [event.event for append in written.appends for event in append.events]:
        place = f"{own.stream}:{first.version} {written.service}"
        yield f"{place} now decides otherwise: {[type(d).__name__ for d in again]}"


def _shown(decision: Sequence[DomainEvent | On]) -> list[DomainEvent]:
    return [item.event if isinstance(item, On) else item for item in decision]
