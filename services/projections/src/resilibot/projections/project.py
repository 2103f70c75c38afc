"""project: events into read models: once each, in order, whatever the queue does.

A message at the next version is applied; an older one is dropped; a newer one shows a gap, which is loaded from the
store. States carry their version and are replaced only if that has not moved. All messages of one stream in a batch
are one write.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.ports import Ports, ReadModelBehind
from resilibot.projections.views import View, empty_view
from resilibot.runtime.bus.batch import Batch, Response, handle_by_key
from resilibot.runtime.bus.message import EventMessage, MalformedMessage, decode
from resilibot.runtime.event_store.port import EventStore

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
            for recorded in self._missing(stream, view.version, messages):
                view = view.apply(recorded)
            if view.version == before:
                raise ReadModelBehind(f"{stream}: the store has nothing after {before}, a message says {upto}")
            try:
                self._ports.models.save(stream, view.states(), before, view.version)
            except ReadModelBehind:
                self._views.pop(stream, None)
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                self._remember(stream, view)
                return

    def _missing(self, stream: str, have: int, messages: Sequence[EventMessage]) -> Sequence[RecordedEvent]:
        """The events after `have`: from the messages when they are all there and fit the chain, else from the store."""
        by_version = {message.version: message for message in messages if message.version > have}
        wanted = range(have + 1, max(by_version) + 1)
        carried = [by_version[v].recorded() if v in by_version else None for v in wanted]
        events = [event for event in carried if event is not None]
        if len(events) == len(carried) and _fits(stream, have, events):
            return events
        return self._ports.store.load(stream, after=have).events

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


def rebuild(store: EventStore, stream: str) -> dict[str, Any]:
    """The states of a stream from nothing but the store."""
    return fold_view(stream, store.load(stream).events).states()


def fold_view(stream: str, events: Sequence[RecordedEvent]) -> View:
    view = _empty(stream)
    for recorded in events:
        view = view.apply(recorded)
    return view


def _empty(stream: str) -> View:
    view = empty_view(stream)
    if view is None:
        raise ReadModelBehind(f"{stream}: nothing is shown of this category")
    return view


def _fits(stream: str, have: int, events: Sequence[RecordedEvent]) -> bool:
    """The events say they are the next ones of this stream, and each is chained to the one before."""
    for number, event in enumerate(events):
        if event.stream != stream or event.version != have + 1 + number:
            return False
        if number and event.prev_hash != events[number - 1].hash:
            return False
    return True
