"""Which signals belong together: each relation with its reason, its window, and what it must not join."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.signal import ResourceRef, Signal
from resilibot.ingest.correlate import WINDOW_S, Members, correlate, group_streams, grouped
from resilibot.ingest.topology import Node, Topology, TopologyInvalid, read_topology
from resilibot.runtime.event_store.port import Stream
from resilibot.runtime.testing import NOON
from tests.support.event_store_contract import append_of
from tests.support.story import signal

TOPOLOGY = Topology(
    services=(
        Node(name="checkout", depends_on=("payments",)),
        Node(name="payments", depends_on=("ledger-db",)),
        Node(name="ledger-db", resources=("AWS/RDS DBInstanceIdentifier=ledger*",)),
        Node(name="search"),
    )
)


def about(
    service: str | None, after_s: float = 0, alarm: str | None = None, region: str = "eu-west-1", **tags: str
) -> Signal:
    name = alarm or f"{service}-errors"
    resource = ResourceRef(account="1", region=region, service=service, name=f"Shop {name}")
    base = signal(name, seconds=after_s, source_id=f"{name} {after_s}")
    return base.model_copy(update={"resource": resource, "tags": tags})


def nameless(alarm: str, after_s: float = 0, **tags: str) -> Signal:
    """Of a sender that names no resource: its alarm's name stands there."""
    resource = ResourceRef(account="", region="", name=alarm)
    return about(None, after_s, alarm, **tags).model_copy(update={"resource": resource})


def member(of: Signal) -> e.SignalGroupedV1:
    return grouped(of, f"fp {of.name}", "I1", "opened")


def group(*members: e.SignalGroupedV1) -> Members:
    return Members().further(append_of(Stream("group#1:x"), members).events)


def related(one: Signal, other: Signal) -> tuple[str, str] | None:
    """How `other`, which came later, is related to `one`."""
    found = correlate(other, [group(member(one))], TOPOLOGY)
    return (found[0].relation, found[0].reason) if found else None


@pytest.mark.feature(102)
@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (about("payments"), about("checkout", 42), "neighbour: checkout calls payments; 42 s after payments-errors"),
        (about("checkout"), about("payments", 20), "neighbour: checkout calls payments; 20 s after checkout-errors"),
        (
            about("ledger-db"),
            about("checkout", 60),
            "neighbour: checkout calls payments, which calls ledger-db; 60 s after ledger-db-errors",
        ),
        (about("search"), about("search", 300, "slow"), "service: both are about search; 300 s after search-errors"),
        (
            about("search", release="8"),
            about("checkout", 600, release="8"),
            "change: both carry release 8; 600 s after search-errors",
        ),
        (
            about(None, alarm="errors eu-west-1"),
            about(None, 30, "errors us-east-1", "us-east-1"),
            "family: the same alarm in us-east-1 as in eu-west-1; 30 s after errors eu-west-1",
        ),
        (
            about(None, alarm="cpu").model_copy(update={"resource": about(None, alarm="x").resource}),
            about(None, 1000, "x"),
            "resource: both are about Shop x; 1000 s after cpu",
        ),
    ],
    ids=["caller", "callee", "two calls", "service", "change", "family", "resource"],
)
def test_a_relation_is_told_with_what_it_rests_on(one: Signal, other: Signal, reason: str) -> None:
    assert related(one, other) == (reason.partition(":")[0], reason)


@pytest.mark.feature(102)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (about("search"), about("checkout", 1)),  # nothing leads from one to the other
        (about("payments"), about("checkout", 400)),  # too late for a spread
        (about("checkout"), about("payments", 100)),  # against the direction, and late
        (about("checkout"), about("ledger-db", 5)),  # against the direction, two calls away
        (about("search"), about("search", 700, "slow")),
        (about("search", release="8"), about("checkout", 600, release="9")),
        (about("search", release="8"), about("checkout", 60, deployment="8")),
        (about("payments", env="prod"), about("checkout", 42, stage="staging")),
        (about("unknown"), about("undeclared", 1)),
        (about("payments"), about("checkout", 42).model_copy(update={"source": "manual"})),
        (nameless("JobFailed", job="invoices"), nameless("JobFailed", 60, job="thumbnails")),
        (nameless("Watch", env="staging"), nameless("Watch", 60, env="production")),
    ],
    ids=[
        "apart",
        "late",
        "backwards",
        "far",
        "stale",
        "releases",
        "keys",
        "worlds",
        "undeclared",
        "manual",
        "two jobs",
        "two worlds",
    ],
)
def test_what_is_not_related_stays_apart(one: Signal, other: Signal) -> None:
    assert related(one, other) is None


def test_the_stronger_relation_and_the_nearer_in_time_come_first() -> None:
    known = [member(about("payments", 39)), member(about("checkout", 1, "slow")), member(about("checkout", 9, "5xx"))]
    found = correlate(about("checkout", 40), [group(*known)], TOPOLOGY)
    assert [(m.relation, m.member.signal_name) for m in found] == [
        ("service", "5xx"),
        ("service", "slow"),
        ("neighbour", "payments-errors"),
    ]


def test_a_resource_that_names_no_service_is_found_by_its_declared_pattern() -> None:
    disk = about(None, alarm="disk")
    disk = disk.model_copy(
        update={"resource": disk.resource.model_copy(update={"name": "AWS/RDS DBInstanceIdentifier=ledger-1"})}
    )
    assert related(disk, about("payments", 10)) == (
        "neighbour",
        "neighbour: payments calls ledger-db; 10 s after disk",
    )


@pytest.mark.parametrize("clock", [datetime(2026, 11, 24, 23, 50, tzinfo=UTC), NOON, NOON + timedelta(hours=1)])
@pytest.mark.parametrize("apart_s", [0, 60, WINDOW_S - 1])
def test_two_moments_within_the_window_share_a_stream(clock: datetime, apart_s: float) -> None:
    """Else two writers at midnight, or with clocks that differ, would not conflict."""
    one, other = (set(group_streams(signal(), at)) for at in (clock, clock + timedelta(seconds=apart_s)))
    assert one & other


def test_an_account_that_is_no_account_shares_one_scope() -> None:
    odd = signal().model_copy(update={"resource": signal().resource.model_copy(update={"account": "a#b\n"})})
    assert group_streams(odd, NOON + timedelta(hours=1)) == ["group#-:20261124T12"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[services]]\nname = "a"\ndepends_on = ["b"]', "a depends on b, which is declared nowhere"),
        ('[[services]]\nname = "a"\n[[services]]\nname = "a"', "declared twice: a"),
        ('[[services]]\nname = "a"\ndepends_on = ["a"]', "a depends on itself"),
        ('[[services]]\nname = "a"\ncalls = ["b"]', "services.0.calls"),
        ("services = 3", "services: "),
        ("nonsense", "Expected '='"),
    ],
)
def test_a_topology_that_cannot_be_right_is_refused_by_file_and_field(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "topology.toml"
    file.write_text(text)
    with pytest.raises(TopologyInvalid) as refused:
        read_topology(str(file))
    assert str(file) in str(refused.value)
    assert told in str(refused.value)


def test_a_declared_topology_may_have_circles(tmp_path: Path) -> None:
    file = tmp_path / "topology.toml"
    file.write_text('[[services]]\nname = "a"\ndepends_on = ["b"]\n[[services]]\nname = "b"\ndepends_on = ["a"]')
    topology = read_topology(str(file))
    assert topology.path("a", "b", 2) == ("a", "b")
    assert topology.path("a", "c", 2) is None
    assert read_topology("") == Topology()


class Asked(Topology):
    """Notes which resources are looked up."""

    def node_of(self, resource: ResourceRef) -> str | None:
        ASKED.append(resource.name)
        return super().node_of(resource)


ASKED: list[str] = []


def test_of_a_long_day_only_the_window_costs_anything() -> None:
    """Members outside it are passed over, and what the new signal is about is found out once."""
    ASKED.clear()
    old = [member(about("search", -WINDOW_S - n, f"old-{n}")) for n in range(1, 20)]
    near = [member(about("search", -n, f"near-{n}")) for n in range(1, 4)]
    found = correlate(about("search"), [group(*old, *near)], Asked(services=TOPOLOGY.services))
    assert [match.member.signal_name for match in found] == ["near-1", "near-2", "near-3"]
    assert (ASKED.count("Shop search-errors"), len(ASKED)) == (1, 4)


@pytest.mark.parametrize("again_s", [-1, 0, 40, WINDOW_S + 60])
def test_the_last_word_of_a_fingerprint_counts_whenever_that_fired(again_s: float) -> None:
    first, other = member(about("search", 0, "one")), member(about("search", 5, "two"))
    moved = first.model_copy(update={"incident_id": "I2", "fired_at": NOON + timedelta(seconds=again_s)})
    for groups in ([group(first, other, moved)], [group(first), group(other, moved)]):
        found = correlate(about("search", 20), groups, TOPOLOGY)
        told = {match.member.signal_name: match.member.incident_id for match in found}
        assert told == ({"one": "I2"} if again_s < WINDOW_S else {}) | {"two": "I1"}


@pytest.mark.parametrize("seed", range(5))
def test_who_fired_within_the_window_is_found_in_whatever_order_they_were_told(seed: int) -> None:
    one = member(about("search"))
    tenths = list(range(-15, 16))
    Random(seed).shuffle(tenths)
    times = {n: NOON + timedelta(seconds=n * WINDOW_S / 10) for n in tenths}
    told = [one.model_copy(update={"fingerprint": str(n), "fired_at": at}) for n, at in times.items()]
    found = correlate(about("search"), [group(*told)], TOPOLOGY)
    assert sorted(int(match.member.fingerprint) for match in found) == list(range(-10, 11))
