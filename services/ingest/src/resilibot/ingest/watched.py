"""watched: what one of ResiliBot's own watches found is a signal like any other, and its end clears it. Pure.

A watch has one fingerprint, its own: an alarm on the same metric is another signal, and correlation brings the two
together. So a finding passes silences, thresholds, flapping and correlation as every signal does.
"""

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.signal import MetricRef, Signal
from resilibot.ingest.admit import Door, fold_doorstep
from resilibot.ingest.attach import decide_signals, fold_signals
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.homes import home_in, relate
from resilibot.ingest.joined import Held, Joined, incident_id_of
from resilibot.ingest.ports import Ports
from resilibot.ingest.silences import SILENCES, fold_silences
from resilibot.ingest.sources.build import resource_ref
from resilibot.runtime.event_store.loading import Loading
from resilibot.runtime.folds import case_folds
from resilibot.runtime.service import Decision, Trigger

SOURCE = "watch"
COMPARISON = {"above": "GreaterThanOrEqualToThreshold", "below": "LessThanOrEqualToThreshold"}


def gather(case: IncidentCase, trigger: Trigger, ports: Ports) -> Held:
    """Walks to the home and to the related incident as the decision will, only to learn which streams that takes."""
    assert ports.history is not None  # noqa: S101  every composition gives one
    current, cases = Loading(ports.history.load), case_folds()
    signal = signal_of(trigger.recorded)
    home_in(fingerprint(signal), current, cases)
    relate(signal, trigger.now, current, ports.topology, cases)
    return Held(ports.policy, ports.settings.quiet_period_s, ports.topology, tuple(current), incident_id_of(trigger))


def joins(case: IncidentCase, trigger: Trigger, facts: Held) -> list[str]:
    return [SILENCES, *facts.streams]


def admit(case: IncidentCase, trigger: Trigger, facts: Held) -> Decision:
    """The finding opens, joins, counts or clears, as the door decides of any signal. Raises MovedOn."""
    signal = signal_of(trigger.recorded)
    key = fingerprint(signal)
    current, cases = Joined(trigger.joined), case_folds()
    told = current[stream_id("signal", key)].events
    silences = fold_silences(trigger.joined[SILENCES])
    return decide_signals(
        fold_signals(told),
        home_in(key, current, cases),
        [signal],
        fingerprint=key,
        new_incident_id=facts.new_incident_id,
        now=trigger.now,
        quiet_period_s=facts.quiet_period_s,
        door=Door(fold_doorstep(told), facts.policy, lambda: silences, now=trigger.now),
        relate=lambda one: relate(one, trigger.now, current, facts.topology, cases),
    )


def signal_of(recorded: RecordedEvent) -> Signal:
    """The signal that a finding, or its end, is. Its id is the event's: a redelivery is recognised by it too."""
    event = recorded.event
    assert isinstance(event, e.FindingRaisedV1 | e.FindingEndedV1)  # noqa: S101  it is reacted to nothing else
    watched, is_raised = event.watched, isinstance(event, e.FindingRaisedV1)
    dimensions = [f"{key}={value}" for key, value in sorted(watched.metric.dimensions.items())]
    return Signal(
        source=SOURCE,
        source_id=recorded.id,
        name=watched.watch_id,
        identity=f"{SOURCE}/{watched.watch_id}",
        state="ALARM" if is_raised else "OK",
        title=event.summary,
        reason=event.summary,
        resource=resource_ref(  # as an alarm on the metric names it: correlation compares the two
            name=" ".join([watched.metric.namespace, *dimensions]),
            account=watched.account,
            region=watched.region,
            service=watched.service,
            arn=watched.arn,
        ),
        metric=_metric(event),
        fired_at=recorded.envelope.recorded_at,
        severity=watched.severity,
        severity_rule=f"watch:{watched.watch_id}",
        tags={"watch": watched.watch_id, "kind": watched.kind},
    )


def _metric(event: e.FindingRaisedV1 | e.FindingEndedV1) -> MetricRef:
    """With the bound, and the side of it that is bad: the reasoner judges by both, as by an alarm's threshold."""
    if isinstance(event, e.FindingEndedV1):
        return event.watched.metric
    return event.watched.metric.model_copy(update={"threshold": event.bound, "comparison": COMPARISON[event.side]})
