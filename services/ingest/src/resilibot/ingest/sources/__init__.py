"""sources: every real signal in, parsed strictly, in ResiliBot's own words. The one entry for every door.

    raw bytes ─► strict JSON ─► envelopes peeled ─► the source that knows the form ─► Signal | Ignored | Refused

A source is one file and one line in registry.py, or an entry in vendors.toml.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

from resilibot.ingest.sources.errors import ForgedSignal, MalformedSignal, SignalError
from resilibot.ingest.sources.mapped import Mapped
from resilibot.ingest.sources.record import Ignored, Item, Refused, Source
from resilibot.ingest.sources.registry import all_sources
from resilibot.ingest.sources.registry import read as _read

__all__ = ["ForgedSignal", "Ignored", "Item", "MalformedSignal", "Reader", "Refused", "SignalError", "read", "reader"]


class Reader(Protocol):
    def __call__(
        self, raw: bytes | str, hint: str | None = None, *, received_at: datetime | None = None, message_id: str = ""
    ) -> list[Item]: ...


def read(
    raw: bytes | str, hint: str | None = None, *, received_at: datetime | None = None, message_id: str = ""
) -> list[Item]:
    """What one message says: at least one item.

    raw: the message as it came, UTF-8.
    hint: what the door knows. A sender (`datadog`): the message must be in that sender's form, and no envelope is
    peeled. None, `sns` or `aws`: AWS's own routes, told by form. `queue`: the same by a queue of our own, whose policy
    knows its senders: there nobody asks on which host SNS keeps its certificate.
    received_at: the time of arrival, also of signals that tell no time of their own; the clock's if it is not given.
    message_id: the transport's id, for records that have none themselves.
    Raises MalformedSignal naming the field when nothing in it can be read. Where several records are in one message,
    one that cannot be read is Refused, beside the others.
    """
    return _read(raw, hint, _shipped(), received_at or datetime.now(UTC), message_id)


def reader(extra: Sequence[Mapped]) -> Reader:
    """A `read` that knows an owner's own mappings as well."""
    sources = all_sources(extra)

    def read_with_own(
        raw: bytes | str, hint: str | None = None, *, received_at: datetime | None = None, message_id: str = ""
    ) -> list[Item]:
        return _read(raw, hint, sources, received_at or datetime.now(UTC), message_id)

    return read_with_own


_shipped: Callable[[], tuple[Source, ...]] = cache(all_sources)
