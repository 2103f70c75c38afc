"""Roster: every service of the house with its map, its Lambda handlers and the queues that feed them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from resilibot.act.service import SERVICE as ACT
from resilibot.ingest.service import SERVICE as INGEST
from resilibot.notify.service import SERVICE as NOTIFY
from resilibot.observe.service import SERVICE as OBSERVE
from resilibot.plan.service import SERVICE as PLAN
from resilibot.projections.service import SERVICE as PROJECTIONS
from resilibot.reason.service import SERVICE as REASON
from resilibot.runtime.service import Service

SERVICES: tuple[Service, ...] = (INGEST, OBSERVE, REASON, PLAN, ACT, NOTIFY, PROJECTIONS)

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Feed:
    """One queue (by its topology name) and the handler, `module:function`, that eats from it.

    by_group: the message groups of a batch are handled side by side, one call each; else a batch is one call.
    at_once: most messages of a batch; above ten only for a queue without order, as with SQS's event source mapping.
    """

    queue: str
    handler: str
    by_group: bool
    at_once: int = 10

    def load(self) -> Handler:
        module, _, name = self.handler.partition(":")
        handler: Handler = getattr(import_module(module), name)
        return handler


def feeds(service: str) -> list[Feed]:
    """The feeds of one service: its event queue, and for ingest the intake queue of raw signals as well."""
    own = [Feed(service, f"resilibot.{service}.handler:handler", by_group=service != "projections")]
    if service == "ingest":
        own.append(Feed("intake", "resilibot.ingest.handler:intake_handler", by_group=False, at_once=1000))
    return own
