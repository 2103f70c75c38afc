"""inquiry: what one round asks about. A source's module notes here what else it could not see."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import EvidenceGap, EvidenceKind
from resilibot.contracts.signal import Signal
from resilibot.observe.below import Below
from resilibot.observe.itemise import Found
from resilibot.observe.odd import whole
from resilibot.observe.ports import Ports, Reason, SourceFailed
from resilibot.observe.rounds import Look
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.subjects import Subject, subjects
from resilibot.runtime.redact import Redactor


@dataclass
class Inquiry:
    """One look at the world, at what the signal is about."""

    case: IncidentCase
    look: Look
    signal: Signal
    ports: Ports
    gaps: list[EvidenceGap] = field(default_factory=list)
    beside: list[Found] = field(default_factory=list)  # of another kind than what a source was asked for
    below: Below = field(init=False)
    redactor: Redactor = field(init=False)  # one for the whole round: equal values have equal tags in it

    def __post_init__(self) -> None:
        self.below = Below(self.ports.topology, self.signal.resource, self.settings.source_deadline_s / 2)
        self.redactor = self.ports.redactor(self.case.fingerprint)

    @property
    def settings(self) -> ObserveSettings:
        return self.ports.settings

    @property
    def service(self) -> str:
        return self.signal.resource.service or ""

    @property
    def changes_since(self) -> datetime:
        return self.signal.fired_at - timedelta(seconds=self.settings.change_window_s)

    def subjects_of(self, kinds: frozenset[str]) -> list[Subject]:
        """The resources of these kinds that the signal is about, by itself or by what is declared of its service."""
        read = self.below.read()
        return [s for s in subjects(self.signal, read.resources if read else ()) if s.kind in kinds]

    def service_for(self, what: str) -> str:
        """The service's name. SourceFailed when the signal tells none, so that `what` cannot be found."""
        if not self.service:
            raise SourceFailed("not_configured", f"the signal names no service, so no {what}")
        return self.service

    def gap(self, kind: EvidenceKind, source: str, reason: Reason, detail: str) -> None:
        self.gaps.append(EvidenceGap(kind=kind, source=source, reason=reason, detail=whole(detail[:1000])))
