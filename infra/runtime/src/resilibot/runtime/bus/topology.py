"""topology: topics, queues and filter policies, derived from the SERVICE maps and from nothing else.

infra/local and infra/cdk build the same from it: adding an event to a map is the only edit that changes who gets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.runtime.service import Service

EVENTS_TOPIC = "resilibot-events.fifo"
ALARMS_TOPIC = "resilibot-alarms"  # standard: CloudWatch cannot publish to FIFO topics
INTAKE = "intake"
INTAKE_RECEIVES = 8  # a message held back for its source's rate is received once more, and again after a restart
MAX_RECEIVES = 4


@dataclass(frozen=True)
class QueueSpec:
    """One queue and its dead letter queue. `name` is the word used everywhere; `queue` and `dead_letters` are AWS's."""

    name: str
    queue: str
    dead_letters: str
    topic: str
    filter_policy: dict[str, list[str]] | None  # None: everything on the topic
    is_fifo: bool
    max_receives: int = MAX_RECEIVES


class Topology:
    """The bus of a set of services: an event queue each, and the intake queue of raw signals."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.queues: tuple[QueueSpec, ...] = (
            *(_event_queue(service) for service in services),
            QueueSpec(INTAKE, "resilibot-intake", "resilibot-intake-dlq", ALARMS_TOPIC, None, False, INTAKE_RECEIVES),
        )

        only_shown = {wire for service in services if service.projects for wire in service.subscribes()}
        reacted = {wire for service in services if not service.projects for wire in service.subscribes()}
        self.hints = frozenset(only_shown - reacted)
        """Wire types that only projections take: to them each says no more than how far its stream has come."""

    def queue(self, name: str) -> QueueSpec:
        return next(queue for queue in self.queues if queue.name == name)


def _event_queue(service: Service) -> QueueSpec:
    return QueueSpec(
        name=service.name,
        queue=f"resilibot-{service.name}.fifo",
        dead_letters=f"resilibot-{service.name}-dlq.fifo",
        topic=EVENTS_TOPIC,
        filter_policy={"type": service.subscribes()},
        is_fifo=True,
    )
