"""Sources of the state of resources that answer as they are told to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from resilibot.contracts.evidence import StatusContent
from resilibot.contracts.signal import MetricRef
from resilibot.observe.ports import SourceFailed, StateEvent, StateRead, StatusRead
from resilibot.observe.subjects import Subject
from resilibot.runtime.testing import NOON

INSTANCES = MetricRef(
    namespace="AWS/EC2", name="StatusCheckFailed", statistic="Maximum", period_s=60, dimensions={"InstanceId": "i-0ab"}
)


@dataclass
class States:
    """Resources of one kind, by what is said of each."""

    kind: str
    said: dict[str, Any] = field(default_factory=dict)
    failing: SourceFailed | None = None
    beside: tuple[SourceFailed, ...] = ()
    name: str = "states"
    asked: list[Subject] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({self.kind})

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        self.asked.append(subject)
        if self.failing:
            raise self.failing
        status = StatusContent(
            component=subject.name, kind=self.kind, state="stopped", responds=None, detail={"reasons": ["it stopped"]}
        )
        events = (StateEvent(NOON - timedelta(minutes=2), "it was told to stop", subject.name, {"operation": "E"}),)
        return StateRead((StatusRead(status, {"operation": "S"}),), events, self.beside)
