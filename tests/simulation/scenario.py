"""scenario: what the world does in one run, drawn from the seed: what breaks, who is alarmed, how people answer."""

import random
from dataclasses import dataclass, replace
from typing import Literal

from resilibot.contracts.door_policy import DEFAULT, Budget, DoorPolicy, Flapping, Rule, RuleMatch, Threshold

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

THRESHOLD_S = 300.0


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
class Quiet:
    """A silence that a person starts: on alarms by a glob. `ends_at_s`: when they end it by hand, if they do."""

    at_s: float
    lasts_s: float
    name: str
    ends_at_s: float | None


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
    policy: DoorPolicy = DEFAULT
    silences: tuple[Quiet, ...] = ()
    is_linked: bool = False
    regroups_at_s: tuple[float, ...] = ()


def draw(seed: int) -> Scenario:
    rng = random.Random(f"scenario {seed}")
    related = random.Random(f"related {seed}")  # of its own: what else is drawn stays what it was
    names = ("orders", "billing")[: 1 if rng.random() < 0.8 else 2]
    plain = Scenario(
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
    return _admitted(plain)


def _admitted(plain: Scenario) -> Scenario:
    """In some runs the door is not simply open: silences, thresholds, flapping alarms, approval, a budget.

    Drawn apart, so that the runs without them stay as they were.
    """
    rng = random.Random(f"admit {plain.seed}")
    if rng.random() < 0.6:
        return plain
    rules: list[Rule] = []
    if rng.random() < 0.3:
        threshold = Threshold(occurrences=2, within_s=THRESHOLD_S)
        rules.append(Rule(id="noise", match=RuleMatch(name="*-errors"), threshold=threshold))
    if rng.random() < 0.3:
        rules.append(Rule(id="careful", match=RuleMatch(service="orders"), investigation="approval"))
    budget = Budget(max_concurrent=1, lease_s=rng.choice((40, 400))) if rng.random() < 0.5 else None
    flapping = Flapping(changes=4, within_s=100)
    workloads = tuple(
        replace(w, alarms=(*w.alarms, *_flaps(rng, w.name))) if rng.random() < 0.3 else w for w in plain.workloads
    )
    silences = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        at_s, lasts_s = rng.choice((-5, -5, rng.uniform(0, 300))), rng.uniform(20, 500)
        by_hand = at_s + rng.uniform(5, lasts_s) if rng.random() < 0.5 else None
        silences.append(Quiet(at_s, lasts_s, rng.choice(("*", "orders-*", "*-errors")), by_hand))
    policy = DoorPolicy(rules=tuple(rules), flapping=flapping, budget=budget)
    return replace(plain, workloads=workloads, policy=policy, silences=tuple(silences))


def _flaps(rng: random.Random, name: str) -> list[Alarm]:
    at_s, alarms = rng.uniform(5, 100), []
    for number in range(rng.randrange(6, 14)):
        alarms.append(Alarm(at_s, f"{name}-errors", "ALARM" if number % 2 else "OK", f"{name}-f{number}"))
        at_s += rng.uniform(1, 15)
    return alarms


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
