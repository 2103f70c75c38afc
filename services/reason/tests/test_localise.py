"""Localisation over generated call graphs: the culprit is found, and nothing that means nothing changes the order."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from resilibot.contracts.evidence import Baseline, MetricContent, TopologyContent, TopologyNode
from resilibot.reason.localise import Localised, localise
from tests.support.call_graphs import ALARM_NODE, CallGraph

BELIEVED = 0.6
SEEDS = range(30)
METRICS = ("latency", "availability")


def found(graph: CallGraph) -> Localised:
    located = localise(graph.topology(), graph.metrics())
    assert located is not None
    return located


def order(located: Localised) -> list[str]:
    return [suspect.component for suspect in located.suspects]


def faulty(seed: int, metric: str) -> CallGraph:
    graph = CallGraph(seed, metric=metric)
    culprit = random.Random(seed).choice(graph.suspects())
    return replace(graph, culprit=culprit)


@pytest.mark.parametrize("metric", METRICS)
def test_the_culprit_is_named_first_in_almost_every_graph(metric: str) -> None:
    graphs = [faulty(seed, metric) for seed in SEEDS]
    hits = [order(found(graph))[0] == graph.culprit for graph in graphs]
    assert sum(hits) >= 0.95 * len(hits), [g.seed for g, hit in zip(graphs, hits, strict=True) if not hit]


@pytest.mark.parametrize("metric", METRICS)
def test_nobody_is_believed_guilty_in_a_healthy_window(metric: str) -> None:
    blamed = [seed for seed in SEEDS if found(CallGraph(seed, metric=metric)).suspects[0].confidence >= BELIEVED]
    assert blamed == []


@pytest.mark.parametrize("seed", SEEDS)
def test_names_do_not_decide(seed: int) -> None:
    graph = faulty(seed, METRICS[seed % 2])
    shuffled = random.Random(seed).sample(graph.nodes, len(graph.nodes))
    names = {node: f"x{i:02}" for i, node in enumerate(shuffled)}
    located, renamed = found(graph), found(replace(graph, names=names))
    told = [suspect.component for suspect in located.suspects if suspect.deviation]  # others may be equal in all
    assert order(renamed)[: len(told)] == [names[node] for node in told]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_evidence_does_not_decide(seed: int) -> None:
    graph = faulty(seed, METRICS[seed % 2])
    rng, topology, metrics = random.Random(seed), graph.topology(), graph.metrics()
    metrics += [m.model_copy(update={"statistic": "p99", "is_alarm_metric": False}) for m in metrics]
    metrics += [m.model_copy(update={"statistic": "p50", "points": m.points[:3]}) for m in graph.metrics()[2:]]
    edges = rng.sample(topology.edges, len(topology.edges))
    nodes = rng.sample(topology.nodes, len(topology.nodes))
    mixed = localise(
        TopologyContent(alarm_node=topology.alarm_node, nodes=nodes, edges=edges),
        rng.sample(metrics, len(metrics)),
    )
    assert mixed == found(graph)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_unit_of_latency_does_not_decide(seed: int) -> None:
    graph = faulty(seed, "latency")
    assert order(found(replace(graph, factor=1000.0))) == order(found(graph))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_node_more_changes_nothing(seed: int) -> None:
    graph = faulty(seed, METRICS[seed % 2])
    with_it = found(replace(graph, extra=True)).suspects
    told = {suspect.component: suspect.share for suspect in with_it if suspect.component != "extra"}
    assert list(told.items()) == [(suspect.component, suspect.share) for suspect in found(graph).suspects]


@pytest.mark.parametrize("metric", METRICS)
def test_nodes_without_telemetry_are_walked_through_and_told(metric: str) -> None:
    hits = []
    for seed in SEEDS:
        graph = faulty(seed, metric)
        others = [node for node in graph.suspects() if node != graph.culprit]
        dark = frozenset(random.Random(seed).sample(others, 4))
        located = found(replace(graph, dark=dark))
        assert located.dark == tuple(sorted(dark))
        hits.append(order(located)[0] == graph.culprit)
    assert sum(hits) >= 0.95 * len(hits)


def chain(*names: str, kinds: dict[str, str] | None = None) -> TopologyContent:
    nodes = [TopologyNode(name=name, kind=(kinds or {}).get(name, "service")) for name in names]
    return TopologyContent(alarm_node=names[0], nodes=nodes, edges=list(pairwise(names)))


def slow(component: str, now_s: float, calls: float = 100.0) -> list[MetricContent]:
    """Latency of 1 s while healthy, now_s now."""
    template = CallGraph(0, size=1).metrics()
    values = {"latency": (1.0, now_s), "requests": (calls, calls)}
    changed = []
    for metric in template:
        healthy, now = values[metric.name]
        baseline = Baseline(median=healthy, mad=0, low=healthy, high=healthy, count=60)
        points = [(at, now) for at, _ in metric.points]
        is_alarm = metric.is_alarm_metric and component == "a"
        changes = {"component": component, "baseline": baseline, "points": points, "is_alarm_metric": is_alarm}
        changed.append(metric.model_copy(update=changes))
    return changed


@pytest.mark.parametrize("kind", ["service", "client", "remote"])
def test_what_is_dark_or_a_mirror_does_not_hide_that_its_caller_only_waits(kind: str) -> None:
    metrics = [*slow("a", 5), *slow("b", 4.5), *slow("d", 4)]
    metrics += slow("c", 4.2) if kind != "service" else []
    located = localise(chain("a", "b", "c", "d", kinds={"c": kind}), metrics)
    assert located is not None
    assert order(located)[:3] == ["d", "b", "a"]
    assert located.suspects[1].share < 0.2


def test_a_circle_without_telemetry_ends() -> None:
    topology = chain("a", "b", "c", "b")
    located = localise(topology, slow("a", 5))
    assert located is not None
    assert located.dark == ("b", "c")


def test_a_mirror_is_suspected_after_what_it_mirrors() -> None:
    graph = CallGraph(3, size=3, culprit="n2")
    mirrored = [m.model_copy(update={"component": "view"}) for m in graph.metrics() if m.component == "n2"]
    topology = graph.topology()
    caller = next(iter(graph.callers()["n2"]))
    seen = TopologyContent(
        alarm_node=topology.alarm_node,
        nodes=[*topology.nodes, TopologyNode(name="view", kind="remote")],
        edges=[*topology.edges, (caller, "view"), ("view", "n2")],
    )
    located = localise(seen, [*graph.metrics(), *mirrored])
    assert located is not None
    assert order(located)[0] == "n2"
    assert order(located).index("view") > order(located).index("n2")


def test_the_node_of_the_alarm_is_suspected_when_nothing_below_explains_it_but_with_less_confidence() -> None:
    below, itself = faulty(1, "latency"), CallGraph(1, culprit=ALARM_NODE, severity=40)
    assert order(found(itself))[0] == ALARM_NODE
    assert found(itself).suspects[0].confidence < found(below).suspects[0].confidence


def test_circles_end() -> None:
    graph = faulty(2, "latency")
    topology = graph.topology()
    back = [(callee, caller) for caller, callee in topology.edges]
    assert localise(topology.model_copy(update={"edges": [*topology.edges, *back]}), graph.metrics()) is not None


def test_without_counts_of_calls_it_still_answers_and_says_so() -> None:
    graph = faulty(4, "latency")
    metrics = [m for m in graph.metrics() if m.name != "requests"]
    located = localise(graph.topology(), metrics)
    assert located is not None
    assert not located.is_weighed
    assert located.suspects[0].confidence < found(graph).suspects[0].confidence


def uncounted(component: str, now_s: float) -> list[MetricContent]:
    return [metric for metric in slow(component, now_s) if metric.name != "requests"]


def fan(*callees: str) -> TopologyContent:
    nodes = [TopologyNode(name=name) for name in ("a", *callees)]
    return TopologyContent(alarm_node="a", nodes=nodes, edges=[("a", callee) for callee in callees])


def test_a_node_whose_calls_are_not_counted_takes_no_more_blame_than_others_leave_over() -> None:
    """It may be called in one request of a hundred: by its caller's count it would explain four times the trouble."""
    located = localise(fan("b", "c"), [*slow("a", 2.0), *slow("b", 1.9), *uncounted("c", 5.0)])
    assert located is not None
    shares = {suspect.component: suspect.share for suspect in located.suspects}
    assert shares == pytest.approx({"b": 0.9, "c": 0.1, "a": 0.0})
    assert (order(located)[0], located.suspects[0].confidence > BELIEVED) == ("b", True)


def test_a_node_whose_calls_are_not_counted_is_blamed_where_no_other_explains_the_trouble() -> None:
    for beside in ([], slow("b", 1.0), uncounted("b", 1.0)):
        located = localise(fan("b", "c"), [*slow("a", 2.0), *beside, *uncounted("c", 5.0)])
        assert located is not None
        assert order(located)[0] == "c"
        assert located.suspects[0].share == pytest.approx(1.0)


def test_what_its_callers_suffer_is_looked_for_above_those_that_are_not_counted_either() -> None:
    topology = chain("a", "b", "c")
    circle = topology.model_copy(update={"edges": [*topology.edges, ("c", "b")]})
    for graph in (topology, circle):
        located = localise(graph, [*slow("a", 2.0), *uncounted("b", 3.0), *uncounted("c", 3.0)])
        assert located is not None
        assert max(suspect.share for suspect in located.suspects) <= 1.0


def test_a_caller_that_fell_silent_bounds_nothing_and_who_waits_for_it_stands_for_it() -> None:
    """b has one point left and c is well: what waits for d is seen above b alone."""
    nodes = [TopologyNode(name=name) for name in "abcd"]
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    silent = [m.model_copy(update={"points": m.points[:1]}) for m in slow("b", 1.9)]
    metrics = [*slow("a", 2.0), *silent, *slow("c", 1.0), *uncounted("d", 1.8)]
    located = localise(TopologyContent(alarm_node="a", nodes=nodes, edges=edges), metrics)
    assert located is not None
    shares = {suspect.component: suspect.share for suspect in located.suspects}
    assert (order(located)[0], shares["d"]) == ("d", pytest.approx(0.8))


def test_two_rows_are_too_few_for_full_confidence() -> None:
    graph = faulty(4, "latency")
    short = [m.model_copy(update={"points": m.points[:2]}) for m in graph.metrics()]
    located = localise(graph.topology(), short)
    assert located is not None
    assert located.suspects[0].confidence <= 0.5


@pytest.mark.parametrize(
    "change", [{"baseline": None}, {"points": []}, {"is_alarm_metric": False}, {"name": "requests"}]
)
def test_no_order_without_an_alarm_metric_that_can_be_compared(change: dict[str, object]) -> None:
    graph = faulty(5, "latency")

    def changed(metric: MetricContent) -> MetricContent:
        return metric.model_copy(update=change) if metric.is_alarm_metric else metric

    assert localise(graph.topology(), [changed(m) for m in graph.metrics()]) is None


def without_rows(metrics: list[MetricContent], *missed: int, name: str = "latency") -> list[MetricContent]:
    def left(metric: MetricContent) -> MetricContent:
        points = [point for row, point in enumerate(metric.points) if row not in missed]
        return metric.model_copy(update={"points": points}) if metric.name == name else metric

    return [left(metric) for metric in metrics]


def lately(component: str, *now_s: float) -> list[MetricContent]:
    """Latency of 1 s while healthy, and row by row what is told."""

    def told(metric: MetricContent) -> MetricContent:
        points = [(at, value) for (at, _), value in zip(metric.points, now_s, strict=True)]
        return metric.model_copy(update={"points": points}) if metric.name == "latency" else metric

    return [told(metric) for metric in slow(component, 1.0)]


@pytest.mark.parametrize("metric", METRICS)
def test_samples_that_are_missing_here_and_there_hide_the_culprit_almost_never(metric: str) -> None:
    hits = []
    for seed in SEEDS:
        graph, chance = faulty(seed, metric), random.Random(f"{seed} missing")
        kept = [[point for point in m.points if chance.random() >= 0.2] for m in graph.metrics()]
        bare = [m.model_copy(update={"points": k}) for m, k in zip(graph.metrics(), kept, strict=True)]
        located = localise(graph.topology(), bare)
        hits.append(located is not None and order(located)[0] == graph.culprit)
    assert sum(hits) >= 0.95 * len(hits), [seed for seed, hit in zip(SEEDS, hits, strict=True) if not hit]


def test_for_a_sample_that_the_culprit_missed_its_caller_takes_no_blame() -> None:
    trouble = (1.0, 1.0, 3.0, 3.0, 1.0)
    whole = [*lately("a", *trouble), *lately("b", *trouble), *lately("c", *trouble)]
    bare = [*whole[:4], *without_rows(lately("c", *trouble), 2)]
    located, seen = localise(chain("a", "b", "c"), bare), localise(chain("a", "b", "c"), whole)
    assert located is not None
    assert seen is not None
    assert order(located) == order(seen) == ["c", "b", "a"]
    assert located.suspects[0].confidence > BELIEVED > located.suspects[1].share


def test_where_the_alarms_node_was_not_seen_the_others_are_judged() -> None:
    """It has no anomalous row at all: what was wrong in between is told by those that it calls."""
    alarm = without_rows(lately("a", 1.0, 1.0, 3.0, 3.0, 1.0), 2, 3)
    others = [*lately("b", 1.9, 1.0, 1.0, 1.0, 1.9), *lately("c", 1.0, 1.0, 3.0, 3.0, 1.0)]
    located = localise(fan("b", "c"), [*alarm, *others])
    assert located is not None
    assert order(located)[0] == "c"


def test_between_two_counted_failures_there_was_none() -> None:
    """Nothing is sent in a minute without an error: a line between two of them would make errors up."""

    def errors(component: str, *rows: float | None) -> MetricContent:
        like = slow(component, 1.0)[0]
        points = [(at, now) for (at, _), now in zip(like.points, rows, strict=True) if now is not None]
        baseline = Baseline(median=0, mad=0, low=0, high=1, count=60)
        told = {"name": "Errors", "statistic": "Sum", "points": points, "baseline": baseline}
        return like.model_copy(update=told)

    metrics = [errors("a", 0, 0, 9, 9, 0), errors("b", 20, None, None, None, 20), errors("c", 0, 0, 8, 8, 0)]
    located = localise(fan("b", "c"), metrics)
    assert located is not None
    assert order(located)[0] == "c"
    assert "b" not in order(located)


def test_a_mirror_is_believed_half_as_much() -> None:
    """It is its caller's view of calls: the caller may be the cause as well."""
    metrics = [*slow("a", 2.0), *slow("b", 2.0)]
    views = [localise(chain("a", "b", kinds={"b": kind}), metrics) for kind in ("remote", "service")]
    mirrored, real = (next(s for s in view.suspects if s.component == "b") for view in views if view is not None)
    assert mirrored.confidence == pytest.approx(real.confidence / 2)


def test_a_node_that_fell_silent_is_not_taken_for_well() -> None:
    """No point lies between its last one and the trouble: what became of it nobody knows."""
    trouble = (1.0, 1.0, 3.0, 3.0, 3.0)
    silent = without_rows(lately("c", *trouble), 2, 3, 4)
    located = localise(chain("a", "b", "c"), [*lately("a", *trouble), *lately("b", *trouble), *silent])
    assert located is not None
    assert order(located) == ["b", "a"]


def test_where_the_alarms_own_calls_are_not_counted_those_below_are_still_weighed() -> None:
    """c is slower by far, but hardly anybody calls it."""
    located = localise(fan("b", "c"), [*uncounted("a", 2.0), *slow("b", 1.5, calls=1000), *slow("c", 9.0, calls=10)])
    assert located is not None
    assert order(located)[0] == "b"
    assert not located.is_weighed
