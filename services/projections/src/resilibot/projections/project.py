"""project: events into read models: once each, in order, whatever the queue does.

A message only says that a stream has moved: what is applied comes from the store, so a forged one changes nothing. A
state is a function of the first `version` events and carries that version: it is replaced by a later one only, so
writing it twice changes nothing. All messages of one stream in a batch are one write.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence

from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.ports import Ports, ReadModelBehind
from resilibot.projections.views import View, empty_view
from resilibot.runtime.bus.batch import Batch, Response, handle_by_key
from resilibot.runtime.bus.message import EventMessage, MalformedMessage, decode

log = logging.getLogger(__name__)

CACHE = 256
ATTEMPTS = 5


class Projector:
    """Applies events of any stream. Keeps the last views in memory; the version check makes a stale one harmless."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._views: OrderedDict[str, View] = OrderedDict()

    def handle(self, batch: Batch) -> Response:
        """An SQS batch as Lambda delivers it. Returns the partial-batch response."""
        return handle_by_key(batch, _read, self.project)

    def project(self, stream: str, messages: Sequence[EventMessage]) -> None:
        """Bring the read models of one stream at least to the newest of these messages. Raises ReadModelError."""
        if empty_view(stream) is None:
            log.info("nothing is shown of this category", extra={"stream": stream})
            return
        upto = max(message.version for message in messages)
        for attempt in range(ATTEMPTS):
            view = self._view(stream, is_new=attempt == 0 and any(message.version == 1 for message in messages))
            if view.version >= upto:
                return
            before = view.version
            view = view.apply(self._ports.store.load(stream, after=view.version).events)
            if view.version == before:
                raise ReadModelBehind(f"{stream}: the store has nothing after {before}, a message says {upto}")
            try:
                self._ports.models.save(stream, view.states(), view.version)
            except ReadModelBehind:
                self._views.pop(stream, None)
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                self._remember(stream, view)
                return

    def _view(self, stream: str, *, is_new: bool) -> View:
        """From memory, or folded up to the version of the read models. A new stream has none: save() finds out."""
        known = self._views.get(stream)
        if known is not None or is_new:
            return known or _empty(stream)
        version = self._ports.models.version(stream)
        return fold_view(stream, self._ports.store.load(stream, upto=version).events) if version else _empty(stream)

    def _remember(self, stream: str, view: View) -> None:
        self._views[stream] = view
        self._views.move_to_end(stream)
        if len(self._views) > CACHE:
            self._views.popitem(last=False)


def _read(body: str) -> tuple[str, EventMessage]:
    message = decode(body)
    if not isinstance(message, EventMessage):
        raise MalformedMessage("timer: projections have none")
    return message.stream, message


def fold_view(stream: str, events: Sequence[RecordedEvent]) -> View:
    return _empty(stream).apply(events)


def _empty(stream: str) -> View:
    view = empty_view(stream)
    if view is None:
        raise ReadModelBehind(f"{stream}: nothing is shown of this category")
    return view
