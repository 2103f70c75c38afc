"""mutants: bugs planted on purpose, one at a time. A simulation that does not find them proves nothing.

Each is a context manager that swaps a piece of production code (or of the worker) and puts it back.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from resilibot.act import approve, budget, execute, grants, investigate
from resilibot.act import service as act
from resilibot.act.catalogue import arguments_of
from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.evidence import Citation, Finding
from resilibot.ingest import admit, attach, intake, remembered
from resilibot.ingest import service as ingest
from resilibot.ingest.release import signal_streams
from resilibot.notify import service as notify
from resilibot.observe import rounds
from resilibot.plan import remedies
from resilibot.projections.project import Projector
from resilibot.reason import citations, diagnose, merge, quantities, recover, scene
from resilibot.reason import service as reason
from resilibot.runtime import consumer, writer
from resilibot.runtime.event_store import memory, verify
from resilibot.runtime.service import Effect, On, Reaction
from tests.simulation.bus import Queue
from tests.simulation.properties import violations
from tests.simulation.run import Run

Mutant = Callable[[], AbstractContextManager[None]]


def hunt(name: str, seeds: Sequence[int]) -> tuple[int, list[str]] | None:
    """How many seeds it took until a property noticed, and which did."""
    with MUTANTS[name]():
        for number, seed in enumerate(seeds, start=1):
            found = violations(Run(seed).play())
            if found:
                return number, sorted({violation.partition(":")[0] for violation in found})
    return None


@contextmanager
def _swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of a module or class, or an entry of a map, is another one for a while."""
    is_map = isinstance(owner, dict)
    before = owner[name] if is_map else getattr(owner, name)
    try:
        if is_map:
            owner[name] = value
        else:
            setattr(owner, name, value)
        yield
    finally:
        if is_map:
            owner[name] = before
        else:
            setattr(owner, name, before)


def ack_before_append() -> AbstractContextManager[None]:
    def receive(self: Queue, messages: list[Any], now: Any) -> None:
        self.messages = [message for message in self.messages if message not in messages]

    return _swapped(Queue, "receive", receive)


def effect_without_claim() -> AbstractContextManager[None]:
    def gather(case: Any, trigger: Any, ports: Any) -> Any:
        step = trigger.event.steps[0]
        if step.action == "ssm.restart_service":
            ports.automation.start(
                "ResiliBot-RestartService", "1", arguments_of(step.action, step.arguments), "t", trigger.now
            )
        return original.gather(case, trigger, ports)

    original: Any = act.SERVICE.reactions[e.PlanProposedV1]
    return _swapped(act.SERVICE.reactions, e.PlanProposedV1, replace(original, gather=gather))  # type: ignore[arg-type]


def effect_by_whoever_finds_the_claim() -> AbstractContextManager[None]:
    original = consumer.Consumer._react

    def react(self: Any, reaction: Any, trigger: Any, stream: Any) -> None:
        for event in stream.events:
            is_claim = type(event.event) in self.service.effects
            if is_claim and event.envelope.causation_id == trigger.id:
                self._run(event, {stream.id: stream})
        original(self, reaction, trigger, stream)

    return _swapped(consumer.Consumer, "_react", react)


def no_version_condition() -> AbstractContextManager[None]:
    def append(self: Any, appends: Any, timers: Any = ()) -> None:
        for one in appends:
            self._put(one)
        self.timers.update({timer.id: timer for timer in timers})

    return _swapped(memory.InMemoryEventStore, "append", append)


def projection_ignores_versions() -> AbstractContextManager[None]:
    def project(self: Any, stream: str, messages: Any) -> None:
        view = self._view(stream, is_new=False)
        for message in messages:
            view = view.apply([_stored(self, message)])
        self._ports.models.save(stream, view.states(), view.version)
        self._remember(stream, view)

    return _swapped(Projector, "project", project)


def projection_skips_gaps() -> AbstractContextManager[None]:
    def project(self: Any, stream: str, messages: Any) -> None:
        view = self._view(stream, is_new=False)
        before = view.version
        for message in sorted((m for m in messages if m.version > before), key=lambda m: m.version):
            view = view.apply([_stored(self, message)])
        if view.version > before:
            self._ports.models.save(stream, view.states(), view.version)
            self._remember(stream, view)

    return _swapped(Projector, "project", project)


def _stored(projector: Any, message: Any) -> Any:
    """The one event that a message is about."""
    return projector._ports.store.load(message.stream, after=message.version - 1, upto=message.version).events[0]


def recover_retries_with_a_new_token() -> AbstractContextManager[None]:
    def retry(case: Any, claim: Any, ports: Any, now: Any) -> Iterator[Any]:
        started = claim.event.model_copy(update={"client_token": str(uuid4())})
        yield [execute._dispatched(started, execute._dispatch(started, ports), ports)]

    effect = Effect(execute.run, retry, execute.is_settled)
    return _swapped(act.SERVICE.effects, e.ActionStartedV1, effect)  # type: ignore[arg-type]


def call_without_deadline() -> AbstractContextManager[None]:
    def dispatch(started: Any, ports: Any) -> Any:
        far = started.not_after + timedelta(days=1)
        return original(started.model_copy(update={"not_after": far}), ports)

    original = execute._dispatch
    return _swapped(execute, "_dispatch", dispatch)


def recover_calls_a_refused_repeat_failed() -> AbstractContextManager[None]:
    original = execute._unknown

    def unknown(case: Any, started: Any, reason: str, now: Any, ports: Any) -> Any:
        if "refused" in reason:
            return execute._failed(case, started, reason, now, ports)
        return original(case, started, reason, now, ports)

    return _swapped(execute, "_unknown", unknown)


def causation_not_checked() -> AbstractContextManager[None]:
    return _swapped(consumer, "already_reacted", lambda events, service, cause: False)


def mac_not_checked() -> AbstractContextManager[None]:
    return _swapped(approve, "is_genuine", lambda key, incident_id, approval: True)


def grant_used_twice() -> AbstractContextManager[None]:
    original = grants.why_unusable
    forgiving: Any = lambda approval, now: original(approval.model_copy(update={"used_by": None}), now)  # noqa: E731
    return _swapped(approve, "why_unusable", forgiving)


def expired_grant_used() -> AbstractContextManager[None]:
    def why_unusable(approval: Any, now: Any) -> str | None:
        return None if approval.state == "granted" and approval.used_by is None else "used"

    return _swapped(approve, "why_unusable", why_unusable)


def expiry_never_fires() -> AbstractContextManager[None]:
    nothing = Reaction(lambda case, trigger, facts: [])
    return _swapped(act.SERVICE.due, "approval_expiry", nothing)


def lease_timer_lost() -> AbstractContextManager[None]:
    original = writer.Writer._own_timers
    without: Any = lambda self, recorded: [t for t in original(self, recorded) if t.kind != "lease"]  # noqa: E731
    return _swapped(writer.Writer, "_own_timers", without)


@contextmanager
def lease_ends_unnoticed() -> Iterator[None]:
    """And no deadline: each of the two fences holds by itself."""
    with _swapped(writer.Writer, "lease_is_over", lambda self, claim: False), call_without_deadline():
        yield


def outcome_not_settled() -> AbstractContextManager[None]:
    effect = Effect(execute.run, execute.recover, lambda case, claim: False)
    return _swapped(act.SERVICE.effects, e.ActionStartedV1, effect)  # type: ignore[arg-type]


def source_id_forgotten() -> AbstractContextManager[None]:
    def forgetful(events: Any, history: Any = None) -> Any:
        return replace(original(events, history), seen=frozenset())

    original = attach.fold_signals
    return _swapped(remembered, "fold_signals", forgetful)


@contextmanager
def blind_look_sets_the_baseline() -> Iterator[None]:
    """And the range of such a baseline excuses what the alarm calls bad."""
    blind = _swapped(rounds, "_saw_metrics", lambda gathered: True)
    with blind, _swapped(quantities, "breaches", lambda content, value: False):
        yield


def resolved_by_success() -> AbstractContextManager[None]:
    original = recover.recovered

    def recovered(case: Any, gathered: Any) -> Any:
        metrics = [item for item in gathered.items if item.kind == "metric"]
        if metrics and any(action.state == "succeeded" for action in case.current_actions.values()):
            cites = [Citation(evidence_id=item.id, content_hash=item.content_hash) for item in metrics]
            finding = Finding(text="the command succeeded", citations=cites)
            return e.IncidentResolvedV1(round=gathered.round, summary="done", findings=[finding])
        return original(case, gathered)

    return _swapped(recover, "recovered", recovered)


@contextmanager
def release_written_again() -> Iterator[None]:
    """Each redelivery of the resolution releases the signal once more: neither the consumer nor ingest notices."""
    original = writer.already_reacted

    def looks_at_incidents_only(events: Any, service: str, cause: str) -> bool:
        return bool(events) and events[0].stream.startswith("incident#") and original(events, service, cause)

    with _swapped(consumer, "already_reacted", looks_at_incidents_only), _released_whatever_is_known():
        yield


@contextmanager
def late_release_closes_the_door() -> Iterator[None]:
    """A release that comes after the reopening is written, and ingest believes it."""
    original = attach._State.__init__

    def init(self: Any, history: Any, case: Any, *rest: Any) -> None:
        original(self, history, case, *rest)
        if history.is_released:
            self.open_id, self.firing = None, {}

    unrelated = _swapped(intake.Intake, "_relate", lambda self, signal, now, current: None)  # it would mend the bug
    with unrelated, _swapped(attach._State, "__init__", init), _released_whatever_is_known():
        yield


def correlation_leaves_no_word() -> AbstractContextManager[None]:
    """What opens or joins an incident is not told to those who come after."""
    return _swapped(attach, "_in_group", lambda *a, **k: [])


def _released_whatever_is_known() -> AbstractContextManager[None]:
    def release(case: Any, trigger: Any, facts: Any) -> Any:
        at = trigger.recorded.envelope.recorded_at
        released = e.SignalReleasedV1(incident_id=case.incident_id, why="resolved", released_at=at)
        return [On(stream_id("signal", case.fingerprint), released)]

    reactions: Any = ingest.SERVICE.reactions
    return _swapped(reactions, e.IncidentResolvedV1, Reaction(release, joins=signal_streams))


@contextmanager
def invented_citations() -> Iterator[None]:
    """The reasoner cites what is not there, and the check that would drop it is off."""
    invented = Citation(evidence_id="r1.metric.99", content_hash="0" * 64)
    with _swapped(scene, "_cite", lambda item: invented), _swapped(citations, "_resolves", lambda finding, known: True):
        yield


def plan_cites_another_hash() -> AbstractContextManager[None]:
    """The evidence is there, but not with that content."""

    def cites(hypothesis: Any, *items: Any) -> Any:
        return [cited.model_copy(update={"content_hash": "0" * 64}) for cited in original(hypothesis, *items)]

    original = remedies._citations
    return _swapped(remedies, "_citations", cites)


@contextmanager
def findings_cite_another_hash() -> Iterator[None]:
    """What the words healthy and recovered rest on has another content than was recorded."""

    def unchecked(found: Any, gathered: Any) -> Any:
        wrong = [Citation(evidence_id=gathered.items[0].id, content_hash="0" * 64)] if gathered.items else []
        return [finding.model_copy(update={"citations": wrong}) for finding in found if wrong], []

    with _swapped(diagnose, "checked_findings", unchecked), _swapped(recover, "checked_findings", unchecked):
        yield


def decision_by_chance() -> AbstractContextManager[None]:
    original = merge.judge_with
    asked = iter(range(10**9))

    def judge(case: Any, gathered: Any, consulted: Any) -> Any:
        decided = original(case, gathered, consulted)
        if isinstance(decided, e.DiagnosisReachedV1):
            return decided.model_copy(update={"summary": f"{decided.summary} ({next(asked)})"})
        return decided

    return _swapped(reason, "judge_with", judge)


def audit_reads_no_bytes() -> AbstractContextManager[None]:
    return _swapped(verify, "_verify_commit", lambda stream, commit, version, prev_hash: None)


def looks_before_the_start() -> AbstractContextManager[None]:
    return _swapped(IncidentCase, "may_look", True)


def end_of_a_silence_tells_nobody() -> AbstractContextManager[None]:
    reactions: Any = ingest.SERVICE.reactions
    return _swapped(reactions, e.SilenceEndedV1, Reaction(lambda case, trigger, facts: []))


def flapping_is_never_looked_at_again() -> AbstractContextManager[None]:
    timers: Any = ingest.SERVICE.timers
    return _swapped(timers, e.SignalReceivedV1, lambda recorded, ports: [])


def threshold_is_one_too_high() -> AbstractContextManager[None]:
    def within(times: Any, now: Any, within_s: float) -> int:
        return max(original(times, now, within_s) - 1, 0)

    original = admit._within
    return _swapped(admit, "_within", within)


@contextmanager
def a_place_is_never_freed() -> Iterator[None]:
    """Neither by a verdict nor by the end of its lease."""
    nothing: Any = Reaction(lambda case, trigger, facts: [])
    with _swapped(investigate, "released", lambda *_: []), _swapped(act.SERVICE.due, "slot", nothing):  # type: ignore[arg-type]
        yield


def places_without_end() -> AbstractContextManager[None]:
    return _swapped(budget.Spent, "why_full", lambda self, limits, now: None)


def summary_is_never_sent() -> AbstractContextManager[None]:
    timers: Any = notify.SERVICE.timers
    return _swapped(timers, e.NotificationDeferredV1, lambda recorded, ports: [])


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        ack_before_append,
        correlation_leaves_no_word,
        effect_without_claim,
        effect_by_whoever_finds_the_claim,
        no_version_condition,
        projection_ignores_versions,
        projection_skips_gaps,
        recover_retries_with_a_new_token,
        call_without_deadline,
        recover_calls_a_refused_repeat_failed,
        causation_not_checked,
        mac_not_checked,
        grant_used_twice,
        expired_grant_used,
        expiry_never_fires,
        lease_timer_lost,
        lease_ends_unnoticed,
        outcome_not_settled,
        source_id_forgotten,
        release_written_again,
        late_release_closes_the_door,
        resolved_by_success,
        invented_citations,
        plan_cites_another_hash,
        findings_cite_another_hash,
        decision_by_chance,
        audit_reads_no_bytes,
        looks_before_the_start,
        end_of_a_silence_tells_nobody,
        flapping_is_never_looked_at_again,
        threshold_is_one_too_high,
        a_place_is_never_freed,
        places_without_end,
        summary_is_never_sent,
    )
}

# Found once in ten thousand seeds: not hunted, but kept as stories.
RARE: dict[str, Mutant] = {"blind_look_sets_the_baseline": blind_look_sets_the_baseline}
