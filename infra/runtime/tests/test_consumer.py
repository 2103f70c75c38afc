"""The consumer: repeated, late, forged and failing messages; conflicts; claims and their leases."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import Actor, RecordedEvent
from resilibot.runtime.bus.message import MalformedMessage, decode, encode, encode_timer
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.consumer import Consumer, ForgedMessage
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Append, StoreUnavailable, Timer, VersionConflict
from resilibot.runtime.service import After, Decision, Effect, On, Reaction, Service, Trigger
from resilibot.runtime.testing import INCIDENT, NOON
from resilibot.runtime.timers import InMemoryTimers
from resilibot.runtime.writer import Origin, Writer
from tests.support.story import INCIDENT_EVENTS

STREAM = f"incident#{INCIDENT}"
OPENED = INCIDENT_EVENTS[0]
CLAIM = next(event for event in INCIDENT_EVENTS if isinstance(event, e.NotificationStartedV1))


class Sender:
    """An effect that counts; `answers` scripts run: "ok" yields an outcome, "dies" raises in the middle."""

    def __init__(self) -> None:
        self.runs = 0
        self.recoveries = 0
        self.answer = "ok"

    def run(self, case: IncidentCase, claim: RecordedEvent, ports: Any) -> Iterator[Decision]:
        self.runs += 1
        if self.answer == "dies":
            raise RuntimeError("the process is gone")
        yield [e.NotificationSentV1(notification_id=CLAIM.notification_id, remote_id=None, status=200)]

    def recover(self, case: IncidentCase, claim: RecordedEvent, ports: Any, now: Any) -> Iterator[Decision]:
        self.recoveries += 1
        if self.answer != "unknown yet":
            yield [e.NotificationFailedV1(notification_id=CLAIM.notification_id, reason="unknown", is_final=True)]

    def is_settled(self, case: IncidentCase, claim: RecordedEvent) -> bool:
        return any(n.state != "running" for n in case.notifications.values())


class Bench:
    """One service over an in-memory store."""

    def __init__(self, reaction: Reaction | None = None) -> None:
        self.sender = Sender()
        self.store = InMemoryEventStore()
        self.clock = ManualClock(NOON)
        self.timers = InMemoryTimers()
        react = reaction or Reaction(lambda case, trigger, facts: [CLAIM])
        self.service = Service(
            name="notify",
            emits=frozenset({e.NotificationStartedV1, e.NotificationSentV1, e.NotificationFailedV1}),
            reactions={e.IncidentOpenedV1: react},
            effects={e.NotificationStartedV1: Effect(self.sender.run, self.sender.recover, self.sender.is_settled)},
            timers={e.IncidentResolvedV1: lambda recorded, ports: [After("later", 30)]},
            due={"later": Reaction(lambda case, trigger, facts: [])},
        )
        self.writer = Writer(self.store, self.service, self.clock, pause=lambda s: None)
        self.consumer = Consumer(self.service, None, self.writer, self.timers)
        self.opened = self.append(OPENED)

    def append(self, event: Any) -> RecordedEvent:
        origin = Origin(Actor(kind="system", id="test"), INCIDENT)
        ingest = Writer(self.store, Service("ingest"), self.clock)
        return ingest.write([STREAM], lambda _: [On(STREAM, event)], origin)[0]

    def deliver(self, *bodies: str, group: str = STREAM) -> list[str]:
        """Ids of the records that failed."""
        records = [
            {"messageId": f"m{n}", "body": body, "attributes": {"MessageGroupId": group}}
            for n, body in enumerate(bodies)
        ]
        answer = self.consumer.handle({"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def kinds(self) -> list[str]:
        return [type(r.event).__name__ for r in self.store.load(STREAM).events]

    def lease(self) -> Timer:
        return next(timer for timer in self.store.timers.values() if timer.kind == "lease")


class Unreachable(InMemoryEventStore):
    def load(self, stream: str, *, after: int = 0, upto: int | None = None) -> Any:
        raise AssertionError(f"{stream} was asked for")


@pytest.mark.parametrize("seconds", [None, 30])
def test_the_store_is_asked_only_when_something_may_follow_from_a_message(seconds: float | None) -> None:
    bench = Bench()
    rule = {type(OPENED): lambda recorded, ports: [After("later", seconds)] if seconds else []}
    bench.writer.service = bench.consumer.service = Service("observe", timers=rule)
    bench.writer.store = Unreachable()
    assert bench.deliver(encode(bench.opened)) == (["m0"] if seconds else [])


@pytest.mark.feature(206)
def test_a_message_delivered_five_times_runs_the_effect_once() -> None:
    bench = Bench()
    assert bench.deliver(*[encode(bench.opened)] * 5) == []
    assert bench.kinds() == ["IncidentOpenedV1", "NotificationStartedV1", "NotificationSentV1"]
    assert bench.sender.runs == 1


def test_the_lease_is_set_in_the_claims_own_transaction() -> None:
    bench = Bench()
    bench.deliver(encode(bench.opened))
    assert (bench.lease().owner, bench.lease().stream) == ("notify", STREAM)


@pytest.mark.feature(206)
def test_a_claim_whose_process_died_is_left_to_its_lease_and_then_recovered() -> None:
    bench = Bench()
    bench.sender.answer = "dies"
    assert bench.deliver(encode(bench.opened)) == ["m0"]
    assert bench.deliver(encode(bench.opened)) == [], "the redelivery finds the claim and does nothing"
    assert bench.sender.runs == 1
    bench.deliver(encode_timer(bench.lease()))
    assert bench.kinds()[-1] == "NotificationFailedV1"
    assert bench.deliver(encode_timer(bench.lease())) == []
    assert bench.sender.recoveries == 1


class LosesAnswers(InMemoryEventStore):
    """The next append is written, and its writer never learns of it."""

    loses = False

    def append(self, appends: Sequence[Append], timers: Sequence[Timer] = ()) -> None:
        super().append(appends, timers)
        if self.loses:
            self.loses = False
            raise StoreUnavailable("the answer is lost")


@pytest.mark.feature(206)
def test_a_timer_that_goes_on_is_set_with_what_was_decided_whoever_dies_in_between() -> None:
    bench = Bench()
    store = LosesAnswers()
    bench.store = bench.writer.store = store
    opened = bench.append(OPENED)
    failed = e.NotificationFailedV1(notification_id=CLAIM.notification_id, reason="unknown", is_final=True)
    bench.service.due["later"] = Reaction(lambda case, trigger, facts: [failed, After("later", 30)])  # type: ignore[index]
    first = Timer(f"{opened.id}:later", "notify", "later", STREAM, opened.id, NOON)
    store.loses = True
    assert bench.deliver(encode_timer(first)) == ["m0"]
    assert bench.deliver(encode_timer(first)) == [], "it finds what was recorded and does nothing"
    assert list(store.timers) == [f"{opened.id}:later:1"]


@pytest.mark.feature(206)
def test_a_process_that_stood_still_until_the_lease_ended_does_not_run_the_effect() -> None:
    """Found by the simulation: recover() and the sleeper both called the provider."""
    bench = Bench()
    original = bench.store.append

    def append_and_sleep(appends: list[Append], timers: Any = ()) -> None:
        original(appends, timers)
        bench.clock.advance(CLAIM.lease_s)

    bench.store.append = append_and_sleep  # type: ignore[method-assign,assignment]
    assert bench.deliver(encode(bench.opened)) == []
    assert bench.sender.runs == 0
    bench.deliver(encode_timer(bench.lease()))
    assert (bench.sender.runs, bench.sender.recoveries) == (0, 1)


def test_a_reaction_that_writes_on_another_stream_only_is_not_done_twice() -> None:
    """Found by the simulation: the trigger's own stream bears no mark of such a reaction."""
    released = e.SignalReleasedV1(incident_id=INCIDENT, why="closed", released_at=NOON)
    decided = Reaction(lambda *_: [On("signal#fp", released)], joins=lambda *_: ["signal#fp"])
    bench = Bench(decided)
    assert bench.deliver(encode(bench.opened), encode(bench.opened)) == []
    assert bench.store.load("signal#fp").version == 1


def test_a_claim_that_cannot_be_told_yet_gets_another_lease() -> None:
    bench = Bench()
    bench.sender.answer = "dies"
    bench.deliver(encode(bench.opened))
    bench.sender.answer = "unknown yet"
    bench.clock.advance(30)
    bench.deliver(encode_timer(bench.lease()))
    (again,) = bench.timers.timers.values()
    assert again.id != bench.lease().id
    assert again.due_at > bench.clock.now()


def test_an_outcome_after_the_first_is_dropped() -> None:
    bench = Bench()
    bench.sender.answer = "dies"
    bench.deliver(encode(bench.opened))
    bench.deliver(encode_timer(bench.lease()))
    claim = bench.store.load(STREAM).events[1]
    bench.consumer._record_outcomes(claim, bench.sender.recover(None, claim, None, None), {})  # type: ignore[arg-type]
    assert bench.kinds().count("NotificationFailedV1") == 1


def test_a_forged_message_does_nothing_and_is_refused() -> None:
    bench = Bench()
    forged = json.loads(encode(bench.opened)) | {"hash": "0" * 64}
    beyond = json.loads(encode(bench.opened)) | {"version": 9}
    assert bench.deliver(json.dumps(forged)) == ["m0"]
    assert bench.deliver(json.dumps(beyond)) == ["m0"]
    assert bench.sender.runs == 0


def test_a_forged_lease_of_an_event_that_is_no_claim_is_refused() -> None:
    bench = Bench()
    forged = Timer("t", "notify", "lease", STREAM, bench.opened.id, NOON)
    assert bench.deliver(encode_timer(forged)) == ["m0"]
    with pytest.raises(ForgedMessage, match="no claim"):
        bench.consumer.on_timer(forged)


@pytest.mark.parametrize("changed", [{"stream": ""}, {"stream": "incident#"}, {"stream": "x" * 600}, {"version": 0}])
def test_a_message_of_a_place_that_cannot_be_is_malformed_and_names_the_field(changed: dict[str, Any]) -> None:
    message = json.loads(encode(Bench().opened)) | changed
    with pytest.raises(MalformedMessage, match=next(iter(changed))):
        decode(json.dumps(message))


@pytest.mark.parametrize("body", ["", "{", "[]", '{"stream": 1}', '{"timer": {}}'])
def test_a_malformed_message_fails_alone_and_holds_up_nobody_in_its_group(body: str) -> None:
    bench = Bench()
    assert bench.deliver(body, encode(bench.opened)) == ["m0"]
    assert bench.sender.runs == 1


def test_a_failing_group_does_not_hold_up_another() -> None:
    bench = Bench()
    records = [
        {"messageId": "bad", "body": "{", "attributes": {"MessageGroupId": "other"}},
        {"messageId": "good", "body": encode(bench.opened), "attributes": {"MessageGroupId": STREAM}},
    ]
    assert bench.consumer.handle({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert bench.sender.runs == 1


def test_a_reaction_gathers_once_and_decides_again_after_a_conflict() -> None:
    gathered, decided = [], []

    def gather(case: IncidentCase, trigger: Trigger, ports: Any) -> str:
        gathered.append(case.version)
        return "facts"

    def decide(case: IncidentCase, trigger: Trigger, facts: Any) -> Decision:
        decided.append(case.version)
        if len(decided) == 1:
            bench.append(next(event for event in INCIDENT_EVENTS if isinstance(event, e.SignalAttachedV1)))
        return [CLAIM]

    bench = Bench(Reaction(decide, gather))
    assert bench.deliver(encode(bench.opened)) == []
    assert gathered == [1]
    assert decided == [1, 2]


def test_a_reaction_that_loses_to_its_own_twin_writes_nothing() -> None:
    bench = Bench()
    twin = Consumer(bench.service, None, bench.writer, bench.timers)
    original = bench.store.append
    raced: list[bool] = []

    def append_after_the_twin(appends: list[Append], timers: Any = ()) -> None:
        if not raced:
            raced.append(True)
            body = {"messageId": "t", "body": encode(bench.opened), "attributes": {"MessageGroupId": STREAM}}
            twin.handle({"Records": [body]})
        original(appends, timers)

    bench.store.append = append_after_the_twin  # type: ignore[method-assign,assignment]
    assert bench.deliver(encode(bench.opened)) == []
    assert bench.sender.runs == 1
    assert bench.kinds().count("NotificationStartedV1") == 1


def test_a_writer_that_always_loses_gives_up_with_a_conflict() -> None:
    bench = Bench()

    def lose(appends: Any, timers: Any = ()) -> None:
        raise VersionConflict("always")

    bench.store.append = lose  # type: ignore[method-assign]
    assert bench.deliver(encode(bench.opened)) == ["m0"]


def test_a_foreign_event_sets_its_timer_once() -> None:
    bench = Bench()
    resolved = bench.append(next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1)))
    bench.deliver(encode(resolved), encode(resolved))
    (timer,) = bench.timers.timers.values()
    assert (timer.kind, timer.cause) == ("later", resolved.id)


def test_recorded_at_never_falls_within_a_stream() -> None:
    bench = Bench()
    bench.clock.advance(-3600)
    late = bench.append(next(event for event in INCIDENT_EVENTS if isinstance(event, e.SignalAttachedV1)))
    assert late.envelope.recorded_at == bench.opened.envelope.recorded_at
