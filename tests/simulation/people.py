"""people: how they answer an approval: in time or late, once or twice, and two who would forge one."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilibot.act.approve import answer
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, fold
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.matching import SilenceMatcher
from resilibot.ingest.homes import home_in
from resilibot.ingest.regroup import merge, split, unmerge
from resilibot.ingest.silences import SILENCES, end, fold_silences, silenced_stream
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.folds import case_folds
from resilibot.runtime.service import On, Service
from resilibot.runtime.writer import Origin, Writer
from tests.simulation.scenario import Persona, Quiet

EXPIRY_S = 120.0
FORGED_MAC = "0" * 64


@dataclass(frozen=True)
class Answer:
    """One answer: `after_s` seconds after it was asked."""

    after_s: float
    kind: str  # approve, deny, forge, replay
    person: str = "ada"


def answers(persona: Persona, seed: int, number: int) -> Iterator[Answer]:
    """What a person of this kind does about the `number`-th approval of the run."""
    rng = random.Random(f"person {seed} {number}")
    soon = rng.uniform(1, 60)
    if persona == "approves":
        yield Answer(soon, "approve")
    elif persona == "denies":
        yield Answer(soon, "deny")
    elif persona == "late":
        yield Answer(EXPIRY_S + rng.uniform(-3, 60), "approve")
    elif persona == "twice":
        yield Answer(soon, "approve")
        yield Answer(soon + rng.uniform(0, 30), "approve")
    elif persona == "two_people":
        yield Answer(soon, "approve")
        yield Answer(soon, "deny", "bob")
    elif persona == "forger":
        yield Answer(soon, "forge", "mallory")
        yield Answer(soon + 20, "approve")
    elif persona == "replayer":
        yield Answer(soon, "approve")
        yield Answer(soon + rng.uniform(5, 100), "replay", "mallory")


def give(writer: Writer, rogue: Writer, key: bytes, asked: RecordedEvent, given: Answer) -> None:
    """Through the door of act, as its route does; a forger writes past it. Raises AnswerRefused, StoreError."""
    request = asked.event
    assert isinstance(request, e.ApprovalRequestedV1)
    incident_id = asked.stream.partition("#")[2]
    origin = Origin(Actor(kind="person", id=given.person), incident_id)
    if given.kind == "forge":
        forged = e.ApprovalGrantedV1(
            grant_id=request.grant_id, arguments_hash=request.arguments_hash, approver=given.person, mac=FORGED_MAC
        )
        rogue.write([asked.stream], lambda _: [On(asked.stream, forged)], origin)
    elif given.kind == "replay":
        granted = [event.event for event in writer.store.load(asked.stream).events if _grants(event.event, request)]
        if granted:
            rogue.write([asked.stream], lambda _: [On(asked.stream, granted[0])], origin)
    else:
        writer.write(
            [asked.stream],
            lambda streams: [
                On(
                    asked.stream,
                    answer(
                        fold(incident_id, streams[asked.stream].events),
                        request.grant_id,
                        is_approval=given.kind == "approve",
                        arguments_hash=request.arguments_hash,
                        approver=given.person,
                        comment="",
                        trigger_now=writer.clock.now(),
                        key=key,
                    ),
                )
            ],
            origin,
        )


def close(writer: Writer, stream: str) -> None:
    """An operator closes an incident, as the route of ingest does."""

    def decide(streams: object) -> list[On]:
        case = fold(stream.partition("#")[2], writer.store.load(stream).events)
        return [] if case.closed_at else [On(stream, e.IncidentClosedV1(why="person", comment="seen"))]

    writer.write([stream], decide, Origin(Actor(kind="person", id="ada"), stream.partition("#")[2]))


def silence(writer: Writer, quiet: Quiet, now: datetime) -> str:
    """As the route of ingest does. Returns the silence's id."""
    started = e.SilenceStartedV1(
        silence_id=writer.ids(now),
        matcher=SilenceMatcher(name=quiet.name),
        starts_at=now,
        ends_at=now + timedelta(seconds=quiet.lasts_s),
        comment="maintenance",
    )
    writer.write([SILENCES], lambda _: [On(SILENCES, started)], Origin(Actor(kind="person", id="ada")))
    return started.silence_id


def end_silence(writer: Writer, silence_id: str) -> None:
    def decide(streams: Mapping[str, Stream]) -> list[On]:
        found = fold_silences(streams[SILENCES].events)[silence_id]
        return [] if found.is_ended else end(silence_id, "person")

    writer.write([SILENCES, silenced_stream(silence_id)], decide, Origin(Actor(kind="person", id="ada")))


def regroup(writer: Writer, cases: Sequence[IncidentCase], pick: Callable[[str, int], int]) -> None:
    """One of the merges, unmerges and splits that there are, as the routes of ingest do it. Raises RegroupRefused."""
    live = [case.incident_id for case in cases if not case.is_over]
    ways: list[tuple[str, ...]] = [("merge", one, other) for one in live for other in live if one != other]
    ways += [("unmerge", case.incident_id, case.merged_into) for case in cases if case.merged_into]
    ways += [("split", case.incident_id, fp) for case in cases if not case.is_over for fp in case.fingerprints[1:]]
    if not ways:
        return
    what, one, other = ways[pick("regroup", len(ways))]
    new_incident_id = writer.ids(writer.clock.now())

    def decide(streams: Mapping[str, Stream]) -> list[On]:
        def case(incident_id: str) -> IncidentCase:
            return fold(incident_id, streams[f"incident#{incident_id}"].events)

        if what == "split":
            return split(case(one), [other], new_incident_id, "")
        if what == "merge":
            return merge(case(one), case(other), "")
        parent = case(one).merged_into
        return unmerge(case(one), case(parent) if parent else None, "", lambda key: home_in(key, streams, case_folds()))

    writer.write([f"incident#{one}"], decide, Origin(Actor(kind="person", id="ada"), one))


def _grants(event: DomainEvent, request: e.ApprovalRequestedV1) -> bool:
    return isinstance(event, e.ApprovalGrantedV1) and event.grant_id == request.grant_id


ROGUE = Service("rogue")
