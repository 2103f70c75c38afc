"""time_travel: any read model as it was, at a version of its stream or at a moment: folded anew from the store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from resilibot.contracts.envelope import RecordedEvent
from resilibot.projections.project import fold_view
from resilibot.runtime.event_store.recall import History


class NotAPlaceInTime(ValueError):
    """The text is neither a version nor a time with a zone."""


VERSION_DIGITS = 7  # 20261124 is a date that lacks its time and zone, not the version of a stream


def place(at: str) -> int | datetime:
    """A version ("7") or a moment (RFC 3339, with a zone). Raises NotAPlaceInTime."""
    if at.isascii() and at.isdecimal() and len(at) <= VERSION_DIGITS:
        return int(at)
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotAPlaceInTime(f"at: {at!r} is neither a version nor an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise NotAPlaceInTime(f"at: {at!r} needs a zone")
    return moment


def events_at(history: History, stream: str, at: int | datetime) -> Sequence[RecordedEvent]:
    """The events of a stream that were recorded by then, `at` included. Recorded times never go back in a stream."""
    if isinstance(at, int):
        return history.load(stream, upto=at).events if at > 0 else ()
    return tuple(event for event in history.load(stream).events if event.envelope.recorded_at <= at)


def states_at(history: History, stream: str, at: int | datetime) -> dict[str, Any] | None:
    """All read models of a stream as they were; None when it had not begun."""
    events = events_at(history, stream, at)
    return fold_view(stream, events).states() if events else None
