"""correlation: does ingest put together what belongs together, and nothing else? Pairwise precision and recall.

    python -m tests.evals.correlation [--seeds 101-110] [--outages 500]

Every drawn signal goes through the real door (Intake, the in-memory store, the virtual clock). An item is one alarm's
firing in one outage; a pair counts as found when both items came into one incident. Beside it the same with
correlation switched off: one incident per fingerprint.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import Actor, RecordedEvent, stream_id
from resilibot.contracts.signal import Signal
from resilibot.ingest.attach import Related
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.clock import ManualClock
from resilibot.runtime.event_store.memory import InMemoryEventStore
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.service import On, Service
from resilibot.runtime.writer import Origin, Writer
from tests.evals.outages import BEGIN, Landscape, draw
from tests.support.story import INCIDENT_EVENTS

TUNED_ON = range(1, 13)
HELD_OUT = range(101, 111)  # nothing was tuned on these
HEALS_AFTER_S = 120  # from the last alarm that cleared to the resolution
RESOLVED = next(event for event in INCIDENT_EVENTS if isinstance(event, e.IncidentResolvedV1))
ACTOR = Actor(kind="system", id="evaluation")


@dataclass(frozen=True)
class Score:
    """Counts of pairs: put together, belonging together, and both."""

    together: int = 0
    related: int = 0
    both: int = 0
    incidents: int = 0

    @property
    def precision(self) -> float:
        return self.both / self.together if self.together else 1.0

    @property
    def recall(self) -> float:
        return self.both / self.related if self.related else 1.0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.together + other.together,
            self.related + other.related,
            self.both + other.both,
            self.incidents + other.incidents,
        )

    def say(self) -> str:
        return f"precision {self.precision:.3f}, recall {self.recall:.3f}, {self.incidents} incidents"


class FingerprintOnly(Intake):
    """The door as it would be without correlation."""

    def _relate(self, signal: Signal, now: datetime, current: Mapping[str, Stream]) -> Related | None:
        return None


class Replay:
    """A landscape through the door. What no longer fires is resolved, as the rest of the house would."""

    def __init__(self, landscape: Landscape, door: type[Intake]) -> None:
        self._landscape = landscape
        self._clock = ManualClock(BEGIN)
        self._store = InMemoryEventStore()
        ports: Any = Ports(
            IngestSettings(quiet_period_s=60), self._clock, InMemoryBlobStore(), topology=landscape.topology
        )
        self._door = door(ports, Writer(self._store, SERVICE, self._clock, ports=ports, pause=lambda _: None))
        self._reason = Writer(self._store, Service("reason"), self._clock)
        self._heals: dict[str, datetime] = {}
        self.assigned: dict[tuple[int, str], str] = {}  # (outage, alarm in its region) -> incident

    def play(self) -> dict[tuple[int, str], str]:
        for message in self._landscape.messages:
            self._heal(message.delivered_at)
            self._set(message.delivered_at)
            signal = message.signal
            written = self._door.accept(fingerprint(signal), [signal], ACTOR)
            for incident_id in self._touched(written):
                self._heals[incident_id] = message.delivered_at + timedelta(seconds=HEALS_AFTER_S)
                if signal.state == "ALARM":
                    self.assigned.setdefault((message.outage, f"{signal.name} {signal.resource.region}"), incident_id)
        return self.assigned

    def _touched(self, written: Iterable[RecordedEvent]) -> set[str]:
        received = [r.event for r in written if isinstance(r.event, e.SignalReceivedV1)]
        return {event.incident_id for event in received if event.incident_id}

    def _heal(self, now: datetime) -> None:
        for incident_id, at in sorted(self._heals.items(), key=lambda item: item[1]):
            if at > now:
                return
            del self._heals[incident_id]
            stream = stream_id("incident", incident_id)
            case = fold(incident_id, self._store.load(stream).events)
            if case.is_over or any(s.is_firing for s in case.signals.values()):
                continue
            self._set(at)
            resolved = [On(stream, RESOLVED)]
            self._reason.write([stream], partial(_whatever, resolved), Origin(ACTOR, incident_id))

    def _set(self, at: datetime) -> None:
        self._clock.advance(max((at - self._clock.now()).total_seconds(), 0))


def score(assigned: Mapping[tuple[int, str], str]) -> Score:
    """Pairs of items, by counting: n items of one kind make n (n - 1) / 2 pairs."""
    return Score(
        together=_pairs(Counter(assigned.values()).values()),
        related=_pairs(Counter(outage for outage, _ in assigned).values()),
        both=_pairs(Counter((outage, incident) for (outage, _), incident in assigned.items()).values()),
        incidents=len(set(assigned.values())),
    )


def evaluate(seed: int, outages: int, door: type[Intake] = Intake) -> Score:
    return score(Replay(draw(seed, outages), door).play())


def _whatever(events: list[On], streams: Mapping[str, Stream]) -> list[On]:
    return events


def _pairs(sizes: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default=f"{HELD_OUT[0]}-{HELD_OUT[-1]}", help="first-last; held out are 101-110")
    parser.add_argument("--outages", type=int, default=500, help="of each seed")
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    total = {"correlated": Score(), "fingerprint only": Score()}
    for seed in range(first, last + 1):
        found = {"correlated": evaluate(seed, given.outages)}
        found["fingerprint only"] = evaluate(seed, given.outages, FingerprintOnly)
        print(f"seed {seed}: " + "; ".join(f"{name}: {one.say()}" for name, one in found.items()), flush=True)
        total = {name: total[name] + one for name, one in found.items()}
    print(f"{given.outages * (last - first + 1)} outages of seeds {first} to {last}")
    for name, one in total.items():
        print(f"{name}: {one.say()}")


if __name__ == "__main__":
    main()
