"""correlate: which open incident a signal belongs to that has none of its own yet. Pure.

The window's signals lie in streams of their own, `group#<account>:<span>`, which every opening and every correlation
appends to: of two that come at the same moment the second conflicts, decides again and finds the first (ADR 17).

A trouble spreads from what is called to who calls, so a caller may follow its callee late; the other way round only
an alarm's own delay is allowed for.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.topology import Topology

# The tags that correlation reads: what names one change, and what keeps two worlds apart.
CHANGES = ("deployment", "deployment_id", "release", "release_id", "change", "change_id")
ENVIRONMENTS = ("environment", "env", "stage")

# Seconds between two signals within which a relation means anything. Tuned on seeds 1 to 12 of tests/evals.
RESOURCE_S = 1800.0
SERVICE_S = 600.0
CHANGE_S = 900.0
FAMILY_S = 600.0
CALLER_AFTER_S = (150.0, 75.0)  # a caller after what it calls: directly, through one other service
CALLER_BEFORE_S = (45.0, 0.0)  # a caller whose alarm was quicker than that of what it calls
WINDOW_S = RESOURCE_S  # no relation reaches further back
SPAN_HOURS = 4  # of one stream: short enough to be read at each opening, even of a bad day
STRENGTH: tuple[e.Relation, ...] = ("resource", "service", "change", "family", "neighbour")


@dataclass(frozen=True)
class Match:
    """A signal of the window that the new one is related to, and why, in words."""

    member: e.SignalGroupedV1
    relation: e.Relation
    reason: str


def group_streams(signal: Signal, now: datetime) -> list[str]:
    """The streams to read and to append to: of the window's beginning and of its end, often the same.

    Any two moments less than a window apart have one of them in common, whatever o'clock it is and whoever's clock is
    wrong: that is what makes the two conflict.
    """
    account = signal.resource.account
    scope = account if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", account) else "-"
    ends = (now - timedelta(seconds=WINDOW_S), now)
    spans = [f"{at:%Y%m%d}T{at.hour // SPAN_HOURS * SPAN_HOURS:02}" for at in ends]
    return [stream_id("group", f"{scope}:{span}") for span in dict.fromkeys(spans)]


class Members:
    """The fold of a group stream: where each fingerprint belongs that began to belong anywhere. Its last word counts.

    In the order of time, so that of a bad day only the window is looked at.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Word] = {}  # by fingerprint
        self._words: list[_Word] = []  # in order

    def further(self, events: Iterable[RecordedEvent]) -> "Members":
        """Itself, with what these events say."""
        for recorded in events:
            if isinstance(recorded.readable, e.SignalGroupedV1):
                self._note(recorded.readable)
        return self

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._last

    def between(self, begins: datetime, ends: datetime) -> list[e.SignalGroupedV1]:
        """Those that fired between the two, and at them."""
        words = self._words[bisect_left(self._words, begins, key=_fired) : bisect_right(self._words, ends, key=_fired)]
        return [member for _, _, member in words]

    def _note(self, member: e.SignalGroupedV1) -> None:
        before = self._last.get(member.fingerprint)
        if before:
            del self._words[bisect_left(self._words, before)]
        place = before[1] if before else len(self._last)
        word = self._last[member.fingerprint] = (member.fired_at, place, member)
        insort(self._words, word)


_Word = tuple[datetime, int, e.SignalGroupedV1]  # when it fired, its fingerprint's number, and what was said of it


def _fired(word: _Word) -> datetime:
    return word[0]


def correlate(signal: Signal, groups: Sequence[Members], topology: Topology) -> list[Match]:
    """The signals of the window that this one is related to, the strongest relation and the nearest in time first.

    Of a fingerprint that is in several groups, the word in the later one counts.
    """
    if signal.source == "manual":
        return []  # a person says that it is an incident of its own
    new = _New(
        signal, _first(_told(signal), ENVIRONMENTS), topology.node_of(signal.resource) or signal.resource.service
    )
    found = [match for member in _near(signal, groups) if (match := _related(new, member, topology)) is not None]
    return sorted(
        found,
        key=lambda m: (
            STRENGTH.index(m.relation),
            abs(_gap_s(signal, m.member)),
            m.member.fired_at,
            m.member.incident_id,
        ),
    )


def _near(signal: Signal, groups: Sequence[Members]) -> Iterator[e.SignalGroupedV1]:
    window = timedelta(seconds=WINDOW_S)
    for place, group in enumerate(groups, start=1):
        for member in group.between(signal.fired_at - window, signal.fired_at + window):
            if not any(member.fingerprint in later for later in groups[place:]):
                yield member


def grouped(signal: Signal, fingerprint: str, incident_id: str, basis: e.Basis, reason: str = "") -> e.SignalGroupedV1:
    """The line that those who come after will find."""
    labels = {key: value for key, value in _told(signal).items() if key.lower() in (*CHANGES, *ENVIRONMENTS)}
    return e.SignalGroupedV1(
        incident_id=incident_id,
        fingerprint=fingerprint,
        signal_name=signal.name,
        resource=signal.resource,
        labels=labels,
        fired_at=signal.fired_at,
        basis=basis,
        reason=reason,
    )


@dataclass(frozen=True)
class _New:
    """A new signal, and what is found out of it once: its environment, and the service that it is about."""

    signal: Signal
    environment: str | None
    service: str | None


def _related(new: _New, member: e.SignalGroupedV1, topology: Topology) -> Match | None:
    """The strongest relation of two signals, or None."""
    signal = new.signal
    gap_s = _gap_s(signal, member)
    when = f"{abs(gap_s):.0f} s {'after' if gap_s >= 0 else 'before'} {member.signal_name}"
    one, other = signal.resource, member.resource
    if _is_same_resource(signal, member) and abs(gap_s) <= RESOURCE_S:
        return Match(member, "resource", _say(f"resource: both are about {one.arn or one.name}; {when}"))
    if not _may_share(new.environment, member.labels):
        return None
    mine, theirs = new.service, topology.node_of(other) or other.service
    if mine is not None and mine == theirs and abs(gap_s) <= SERVICE_S:
        where = "" if one.region == other.region else f", in {one.region} as in {other.region}"
        return Match(member, "service", _say(f"service: both are about {mine}{where}; {when}"))
    change = _shared_change(signal.tags, member.labels) if member.labels else None
    if change and abs(gap_s) <= CHANGE_S:
        return Match(member, "change", _say(f"change: both carry {change}; {when}"))
    if _is_family(signal, member) and abs(gap_s) <= FAMILY_S:
        text = f"family: the same alarm in {one.region} as in {other.region}; {when}"
        return Match(member, "family", _say(text))
    if mine is None or theirs is None or not topology.services:
        return None
    way = _neighbours(mine, theirs, gap_s, topology)
    return Match(member, "neighbour", _say(f"neighbour: {way}; {when}")) if way else None


def _neighbours(mine: str, theirs: str, gap_s: float, topology: Topology) -> str | None:
    """How calls lead from the one to the other, if the times fit the direction."""
    far = len(CALLER_AFTER_S)
    down, up = topology.path(mine, theirs, far), topology.path(theirs, mine, far)
    for way, lag_s in ((down, gap_s), (up, -gap_s)):  # lag_s: how long the caller's alarm came after the callee's
        if way is None:
            continue
        hops = len(way) - 2
        if -CALLER_BEFORE_S[hops] <= lag_s <= CALLER_AFTER_S[hops]:
            return " calls ".join(way[:2]) + "".join(f", which calls {name}" for name in way[2:])
    return None


def _is_same_resource(signal: Signal, member: e.SignalGroupedV1) -> bool:
    """A sender that names no resource has its alarm's name there: that is no resource, and says nothing."""
    one, other = signal.resource, member.resource
    if one.arn and other.arn:
        return one.arn == other.arn
    if not one.account and not one.region:
        return False
    is_named = one.name != signal.name and other.name != member.signal_name
    return is_named and (one.account, one.region, one.name) == (other.account, other.region, other.name)


def _told(signal: Signal) -> dict[str, str]:
    """The sender's tags, and the environment where it was recognised."""
    return {**signal.tags, "environment": signal.environment} if signal.environment else signal.tags


def _may_share(mine: str | None, labels: dict[str, str]) -> bool:
    """Production and staging do not share an incident; who does not say where it is may share with anyone."""
    theirs = _first(labels, ENVIRONMENTS) if mine is not None and labels else None
    return mine is None or theirs is None or mine.lower() == theirs.lower()


def _shared_change(tags: dict[str, str], labels: dict[str, str]) -> str | None:
    """The tag and value that name one change in both. Under the same key: a bare number says little without it."""
    for key, value in tags.items():
        if key.lower() in CHANGES and value and value == labels.get(key):
            return f"{key} {value}"
    return None


def _first(tags: dict[str, str], keys: Sequence[str]) -> str | None:
    return next((value for key, value in tags.items() if key.lower() in keys and value), None)


def _is_family(signal: Signal, member: e.SignalGroupedV1) -> bool:
    """One alarm, rolled out to several regions, with or without the region in its name."""
    here, there = signal.resource.region, member.resource.region
    if not here or not there or here == there:
        return False
    return signal.name.replace(here, "*") == member.signal_name.replace(there, "*")


def _gap_s(signal: Signal, member: e.SignalGroupedV1) -> float:
    return (signal.fired_at - member.fired_at).total_seconds()


def _say(text: str) -> str:
    return text[:1024]
