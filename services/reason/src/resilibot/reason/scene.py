"""scene: the evidence of one round, read into typed observations, each with its citation. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import (
    ChangeContent,
    Citation,
    EvidenceGap,
    EvidenceItem,
    LogContent,
    LogPattern,
    MetricContent,
    SimilarIncidentContent,
    StatusContent,
    TopologyContent,
)
from resilibot.contracts.quantity import DEVIATES, Quantity, quantity_of
from resilibot.reason.localise import Localised, localise
from resilibot.reason.quantities import badness, fresh_value

PROVIDER_ISSUE = "provider-issue"  # kind of status: AWS has a problem somewhere in the region
ANSWERING = ("unit", "managed-instance")  # kinds of status that come from asking the resource itself


@dataclass(frozen=True)
class Measured:
    """One metric against its baseline. `badness` in scales; None when it cannot be judged."""

    cite: Citation
    content: MetricContent
    quantity: Quantity
    value: float | None
    badness: float | None

    @property
    def deviates(self) -> bool:
        return self.badness is not None and self.badness > DEVIATES

    @property
    def is_judged(self) -> bool:
        return self.badness is not None

    def say(self) -> str:
        base = self.content.baseline
        healthy = f"healthy {base.low:g} to {base.high:g}" if base else "no healthy baseline"
        value = "too few points" if self.value is None else f"{self.value:g}"
        return f"{self.content.name} of {self.content.component} is {value} ({healthy})"


@dataclass(frozen=True)
class Reported:
    cite: Citation
    status: StatusContent


@dataclass(frozen=True)
class Logged:
    cite: Citation
    pattern: LogPattern


@dataclass(frozen=True)
class Changed:
    """`lead_s`: seconds from the change to the onset; negative when it came after."""

    cite: Citation
    change: ChangeContent
    lead_s: float


@dataclass(frozen=True)
class Recalled:
    """An earlier incident that observe found to be like this one."""

    cite: Citation
    past: SimilarIncidentContent


@dataclass(frozen=True)
class Located:
    """The suspects on the call graph, with the metrics and the graph that say so."""

    graph: Citation
    found: Localised
    metrics: dict[tuple[str, str, str], Citation]  # by component, name and statistic
    traffic: dict[str, Measured]  # calls by component


@dataclass(frozen=True)
class Scene:
    """All that one round of evidence says. `measured` is of the service itself; `located` judges its neighbours."""

    service: str
    onset: datetime
    measured: tuple[Measured, ...]
    reported: tuple[Reported, ...]
    states: tuple[Reported, ...]  # of pods, nodes, databases ...: what does not answer for itself
    logged: tuple[Logged, ...]
    logs_seen: tuple[Citation, ...]
    changed: tuple[Changed, ...]
    gaps: tuple[EvidenceGap, ...]
    kinds_seen: frozenset[str]
    kinds_answered: frozenset[str]
    all_clear: bool  # every alarm of the incident has said that it is over
    recalled: tuple[Recalled, ...] = ()
    located: Located | None = None  # None: no call graph, or nothing on it to compare the alarm's metric with

    @property
    def own_changes(self) -> tuple[Changed, ...]:
        """Those of the service itself; one that names nobody is taken for its own."""
        return tuple(c for c in self.changed if c.change.component in (None, self.service))

    @property
    def ailing(self) -> tuple[Reported, ...]:
        """Resources of the service that say themselves what is not as it should be. An issue of AWS may miss it."""
        return tuple(r for r in self.states if r.status.kind != PROVIDER_ISSUE and r.status.detail.get("reasons"))

    @property
    def alarmed(self) -> tuple[Measured, ...]:
        return tuple(m for m in self.measured if m.content.is_alarm_metric)

    @property
    def deviating(self) -> tuple[Measured, ...]:
        """Metrics that left their healthy range in a way that hurts (traffic alone does not)."""
        harmless = (Quantity.TRAFFIC, Quantity.OTHER)
        return tuple(
            m for m in self.measured if m.deviates and (m.quantity not in harmless or m.content.is_alarm_metric)
        )

    @property
    def components(self) -> tuple[str, ...]:
        """Parts of the service that were seen by themselves: hosts, functions."""
        seen = {m.content.component for m in self.measured} | {r.status.component for r in self.reported}
        return tuple(sorted(seen - {self.service}))

    @property
    def hurt(self) -> tuple[str, ...]:
        """Components whose own errors, latency or availability deviate."""
        return tuple(sorted({m.content.component for m in self.deviating} - {self.service}))

    @property
    def silent(self) -> tuple[str, ...]:
        return tuple(sorted(r.status.component for r in self.reported if r.status.responds is False))

    @property
    def all_silent(self) -> bool:
        """Everything that was asked stayed silent."""
        return bool(self.reported) and all(r.status.responds is False for r in self.reported)

    @property
    def errors(self) -> tuple[Logged, ...]:
        return tuple(logged for logged in self.logged if logged.pattern.level == "ERROR")

    def answered(self, kind: str) -> bool:
        """True if at least one source of that kind could be read (an empty answer is an answer)."""
        return kind in self.kinds_seen or kind in self.kinds_answered or not any(gap.kind == kind for gap in self.gaps)


def read_scene(case: IncidentCase, gathered: e.EvidenceGatheredV1) -> Scene:
    """Read the evidence of one round. Content kept by reference, or no longer matching its hash, becomes a gap."""
    readable, unread = _readable(items_of(case, gathered))
    service = case.resource.service if case.resource and case.resource.service else ""
    service = service or (case.resource.name if case.resource else "")
    graphs = [(_cite(i), TopologyContent.model_validate(i.content)) for i in readable if i.kind == "topology"]
    everywhere = [_measured(i) for i in readable if i.kind == "metric"]
    neighbours = {node.name for _, graph in graphs for node in graph.nodes if node.name != graph.alarm_node}
    measured = [m for m in everywhere if m.content.is_alarm_metric or m.content.component not in neighbours]
    located, unlocated = _located(graphs, everywhere)
    reported = [Reported(_cite(i), StatusContent.model_validate(i.content)) for i in readable if i.kind == "status"]
    states = [r for r in reported if r.status.kind not in ANSWERING]
    reported = [r for r in reported if r.status.kind in ANSWERING]
    logs = [(i, LogContent.model_validate(i.content)) for i in readable if i.kind == "log"]
    changes = [(i, ChangeContent.model_validate(i.content)) for i in readable if i.kind == "change"]
    return Scene(
        service=service,
        onset=gathered.onset,
        measured=tuple(sorted(measured, key=lambda m: (m.content.component, m.content.name, m.content.statistic))),
        reported=tuple(sorted(reported, key=lambda r: (r.status.component, r.status.kind))),
        states=tuple(sorted(states, key=lambda r: (r.status.kind, r.status.component))),
        logged=tuple(Logged(_cite(item), pattern) for item, log in logs for pattern in log.patterns),
        logs_seen=tuple(_cite(item) for item, _ in logs),
        changed=tuple(
            sorted(
                (Changed(_cite(i), c, (gathered.onset - c.at).total_seconds()) for i, c in changes),
                key=lambda changed: changed.change.at,
            )
        ),
        gaps=(*gathered.gaps, *unread, *unlocated),
        kinds_seen=frozenset(item.kind for item in readable),
        kinds_answered=frozenset(gathered.answered),
        all_clear=not any(summary.is_firing for summary in case.signals.values()),
        recalled=tuple(
            Recalled(_cite(i), SimilarIncidentContent.model_validate(i.content))
            for i in readable
            if i.kind == "similar_incident"
        ),
        located=located,
    )


def _located(
    graphs: Sequence[tuple[Citation, TopologyContent]], measured: Sequence[Measured]
) -> tuple[Located | None, list[EvidenceGap]]:
    """The suspects on the call graph, and what of it could not be seen."""
    if not graphs:
        return None, []
    cite, graph = graphs[0]
    found = localise(graph, [m.content for m in measured])
    if found is None:
        detail = (
            f"{graph.alarm_node}: no metric of the alarm, with points and a healthy baseline, to follow its calls by"
        )
        return None, [EvidenceGap(kind="topology", source="reason", reason="no_data", detail=detail)]
    cites = {(m.content.component, m.content.name, m.content.statistic): m.cite for m in measured}
    traffic = {m.content.component: m for m in measured if m.quantity is Quantity.TRAFFIC}
    gaps = []
    if found.dark:
        detail = f"without telemetry, so that a cause there is not seen: {', '.join(found.dark)}"[:1000]
        gaps.append(EvidenceGap(kind="metric", source="reason", reason="no_data", detail=detail))
    if not found.is_weighed:
        detail = f"no count of calls of {found.alarm_node}: what each explains of its trouble is rough"
        gaps.append(EvidenceGap(kind="metric", source="reason", reason="no_data", detail=detail))
    return Located(cite, found, cites, traffic), gaps


def items_of(case: IncidentCase, gathered: e.EvidenceGatheredV1) -> list[EvidenceItem]:
    """What a round may be judged by: its own items, and the changes that an earlier look found.

    A verify round does not ask for changes again: without them a second alarm would make the first look's cause vanish,
    and the approval that rests on it. After an action they are no longer what is.
    """
    own = list(gathered.items)
    if gathered.purpose == "diagnose" or case.current_actions:
        return own
    earlier = [r for r in case.rounds if r.purpose == "diagnose" and case.episode_round < r.round < gathered.round]
    return [*own, *(item for item in (earlier[-1].items if earlier else ()) if item.kind == "change")]


def _readable(items: Sequence[EvidenceItem]) -> tuple[list[EvidenceItem], list[EvidenceGap]]:
    readable: list[EvidenceItem] = []
    gaps: list[EvidenceGap] = []
    for item in items:
        if item.content is None:
            gaps.append(_unread(item, "the content is kept elsewhere and was not read"))
        elif not item.is_intact():
            gaps.append(_unread(item, "the content does not match its recorded hash"))
        else:
            readable.append(item)
    return readable, gaps


def _unread(item: EvidenceItem, why: str) -> EvidenceGap:
    return EvidenceGap(kind=item.kind, source=item.source, reason="error", detail=f"{item.id}: {why}")


def _cite(item: EvidenceItem) -> Citation:
    return Citation(evidence_id=item.id, content_hash=item.content_hash)


def _measured(item: EvidenceItem) -> Measured:
    content = MetricContent.model_validate(item.content)
    value = fresh_value(content)
    judged = badness(content, value, content.baseline) if value is not None and content.baseline else None
    return Measured(_cite(item), content, quantity_of(content.name), value, judged)
