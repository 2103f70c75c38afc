"""scenario: what the world does in one run, drawn from the seed: what breaks, who is alarmed, how people answer."""

import random
from dataclasses import dataclass
from typing import Literal

Trouble = Literal["hung_host", "bad_release", "false_alarm", "dependency", "blind"]
Persona = Literal["approves", "denies", "ignores", "late", "twice", "two_people", "forger", "replayer"]

TROUBLES: tuple[Trouble, ...] = ("hung_host", "bad_release", "false_alarm", "dependency", "blind")
PERSONAS: tuple[Persona, ...] = (
    "approves",
    "denies",
    "ignores",
    "late",
    "twice",
    "two_people",
    "forger",
    "replayer",
)


@dataclass(frozen=True)
class Alarm:
    """One alarm message. `at_s`: seconds after the first alarm. `source_id` repeats when SNS delivers twice."""

    at_s: float
    name: str
    state: Literal["ALARM", "OK"]
    source_id: str


@dataclass(frozen=True)
class Workload:
    """One service: its hosts, its trouble, whether the remedy helps, and whether it heals by itself."""

    name: str
    hosts: tuple[str, ...]
    trouble: Trouble
    is_remedied: bool
    heals_after_s: float | None
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class Scenario:
    """`closes_at_s`: when an operator closes whatever is open. `skew_s`: by service, how wrong its clock is.

    `is_linked`: the topology says that billing calls orders, so that their alarms are related. `regroups_at_s`: when a
    person merges, unmerges or splits whatever there is.
    """

    seed: int
    workloads: tuple[Workload, ...]
    personas: tuple[Persona, ...]  # the n-th approval asked for is answered by the n-th, modulo
    intensity: float
    closes_at_s: float | None
    skew_s: dict[str, float]
    is_linked: bool = False
    regroups_at_s: tuple[float, ...] = ()


def draw(seed: int) -> Scenario:
    rng = random.Random(f"scenario {seed}")
    related = random.Random(f"related {seed}")  # of its own: what else is drawn stays what it was
    names = ("orders", "billing")[: 1 if rng.random() < 0.8 else 2]
    return Scenario(
        seed=seed,
        workloads=tuple(_workload(rng, name, number) for number, name in enumerate(names)),
        personas=tuple(rng.choices(PERSONAS, weights=(6, 2, 2, 1, 2, 1, 2, 2), k=3)),
        intensity=rng.choice((0.0, 0.3, 0.6, 1.0, 1.0, 2.0)),
        closes_at_s=rng.uniform(10, 400) if rng.random() < 0.08 else None,
        skew_s={
            name: rng.choice((0.0, 0.0, rng.uniform(-2, 2)))
            for name in ("ingest", "observe", "reason", "plan", "act", "notify", "projections", "timers")
        },
        is_linked=len(names) == 2 and related.random() < 0.6,
        regroups_at_s=_regroups(related, is_likely=len(names) == 2),
    )


def _regroups(rng: random.Random, *, is_likely: bool) -> tuple[float, ...]:
    if rng.random() >= (0.5 if is_likely else 0.05):
        return ()
    return tuple(sorted(rng.uniform(1, 300) for _ in range(rng.choice((1, 2, 4)))))


def _workload(rng: random.Random, name: str, number: int) -> Workload:
    hosts = tuple(f"i-{number}000000000000000{n}" for n in range(1, rng.choice((1, 2, 2, 2, 3)) + 1))
    trouble = rng.choices(TROUBLES, weights=(5, 5, 2, 1, 1))[0]
    is_remedied = rng.random() < 0.8
    heals = rng.uniform(20, 300) if rng.random() < 0.15 else None
    return Workload(name, hosts, trouble, is_remedied, heals, tuple(_alarms(rng, name)))


def _alarms(rng: random.Random, name: str) -> list[Alarm]:
    """The first alarm, perhaps delivered twice; more of it, another one, an OK, and the alarm once more, later."""
    alarm = f"{name}-errors"
    alarms = [Alarm(0, alarm, "ALARM", f"{name}-m1")]
    if rng.random() < 0.3:
        alarms.append(Alarm(rng.uniform(0.1, 90), alarm, "ALARM", f"{name}-m1"))
    if rng.random() < 0.3:
        alarms.append(Alarm(rng.uniform(0.1, 60), f"{name}-errors-high", "ALARM", f"{name}-m2"))
    if rng.random() < 0.2:
        alarms.append(Alarm(rng.uniform(0, 1), alarm, "ALARM", f"{name}-m3"))
    if rng.random() < 0.3:
        alarms.append(Alarm(rng.uniform(40, 300), alarm, "OK", f"{name}-m4"))
    if rng.random() < 0.3:
        again_s = rng.uniform(100, 500)
        alarms.append(Alarm(again_s, alarm, "ALARM", f"{name}-m5"))
        alarms.append(Alarm(again_s + rng.uniform(1, 400), alarm, "ALARM", f"{name}-m6"))
    return sorted(alarms, key=lambda a: a.at_s)
