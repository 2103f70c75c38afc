"""What the call graph says becomes hypotheses with citations, for and against; without a graph nothing changes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.canonical import content_hash
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import ChangeContent, EvidenceItem, MetricContent, TopologyContent, Window
from resilibot.contracts.signal import ResourceRef
from resilibot.reason.diagnose import diagnose
from resilibot.reason.recover import recovered
from resilibot.runtime.testing import NOON
from tests.support.call_graphs import ALARM_NODE, CallGraph

FAULTY = CallGraph(seed=4, culprit="n5")
SEVERE = replace(FAULTY, severity=30.0)


def item(kind: str, number: int, content: object) -> EvidenceItem:
    plain = content.model_dump(mode="json")  # type: ignore[attr-defined]
    return EvidenceItem.model_validate(
        {
            "id": f"r1.{kind}.{number}",
            "kind": kind,
            "summary": kind,
            "source": "test",
            "query": {},
            "content": plain,
            "content_hash": content_hash(plain),
        }
    )


def gathered(graph: CallGraph, *changes: ChangeContent, purpose: str = "diagnose") -> e.EvidenceGatheredV1:
    items = [item("metric", number, metric) for number, metric in enumerate(graph.metrics(), start=1)]
    items.append(item("topology", 1, graph.topology()))
    items += [item("change", number, change) for number, change in enumerate(changes, start=1)]
    return e.EvidenceGatheredV1.model_validate(
        {
            "round": 1,
            "purpose": purpose,
            "onset": NOON,
            "window": Window(start=NOON, end=NOON),
            "baseline": None,
            "items": items,
            "gaps": [],
        }
    )


def case() -> IncidentCase:
    resource = ResourceRef(account="1", region="eu-west-1", service=ALARM_NODE, name=ALARM_NODE)
    return IncidentCase(incident_id="i1", version=1, resource=resource)


def verdict(graph: CallGraph, *changes: ChangeContent) -> e.DiagnosisReachedV1:
    return diagnose(case(), gathered(graph, *changes))


def test_the_culprit_leads_and_cites_its_metric_and_the_graph() -> None:
    diagnosis = verdict(FAULTY)
    found = diagnosis.leading
    assert diagnosis.outcome == "conclusive"
    assert found is not None
    assert (found.cause, found.component, found.fault_class) == ("component_fault", "n5", "latency-config")
    cited = {citation.evidence_id for finding in found.support for citation in finding.citations}
    assert {evidence_id.split(".")[1] for evidence_id in cited} == {"metric", "topology"}
    assert diagnosis.dropped_claims == []


def test_what_was_not_believed_is_kept_with_what_speaks_against_it() -> None:
    others = [h for h in verdict(FAULTY).hypotheses if h.verdict != "leading"]
    overload = next(h for h in others if h.cause == "overload")
    assert "the call graph points to n5" in [finding.text for finding in overload.refutation]
    assert any(h.cause == "component_fault" and h.refutation for h in others)


def test_a_healthy_window_is_no_fault() -> None:
    diagnosis = verdict(replace(FAULTY, culprit=None))
    assert diagnosis.outcome == "no_fault"
    assert diagnosis.leading is None


def test_a_dark_node_is_an_open_gap() -> None:
    diagnosis = verdict(replace(FAULTY, dark=frozenset({"n7"})))
    assert any(gap.kind == "metric" and gap.detail.endswith(": n7") for gap in diagnosis.gaps)


def test_nothing_is_over_while_a_culprit_stands_out() -> None:
    assert recovered(case(), gathered(FAULTY, purpose="verify")) is None
    assert recovered(case(), gathered(replace(FAULTY, culprit=None), purpose="verify")) is not None


def test_nothing_is_over_while_a_culprit_stands_out_though_the_alarms_own_metric_is_well() -> None:
    faulty = gathered(FAULTY, purpose="verify")
    calm = [m for m in replace(FAULTY, culprit=None).metrics() if m.component == ALARM_NODE]
    items = [item("metric", 90 + number, metric) for number, metric in enumerate(calm)]
    items += [i for i in faulty.items if not (i.content and i.content.get("component") == ALARM_NODE)]
    assert recovered(case(), faulty.model_copy(update={"items": items})) is None


def test_only_one_of_the_suspects_can_be_the_cause() -> None:
    for seed in range(20):
        found = [h for h in verdict(replace(FAULTY, seed=seed)).hypotheses if h.fault_class is not None]
        assert found[0].confidence + found[1].confidence <= 1.0001
        assert [h.confidence for h in found] == sorted((h.confidence for h in found), reverse=True)


def changed(component: str | None, kind: str | None, *, before_s: float = 10, what: str = "a change") -> ChangeContent:
    told = {"what": what, "at": NOON - timedelta(seconds=before_s), "by": None, "before": None, "after": None}
    return ChangeContent.model_validate({**told, "component": component, "kind": kind})


@pytest.mark.parametrize(
    ("changes", "fault_class"),
    [
        ([changed("n5", "deploy")], "latency-deploy"),
        ([changed("n5", "config", what="deployment settings")], "latency-config"),
        ([changed("n5", "deploy"), changed(ALARM_NODE, "config", before_s=1)], "latency-deploy"),
        ([changed("n5", "config"), changed(ALARM_NODE, "deploy", before_s=1)], "latency-config"),
        ([changed(ALARM_NODE, "deploy")], "latency-config"),
        ([changed("n5", "deploy", before_s=7200)], "latency-config"),
        ([changed("n5", "deploy", before_s=300), changed("n5", "config", before_s=10)], "latency-config"),
        ([changed("n5", "deploy", before_s=15), changed("n5", "config", before_s=10)], "latency-deploy"),
        ([changed(None, "deploy")], "latency-deploy"),
    ],
    ids=[
        "its deployment",
        "its setting, whatever it is called",
        "its deployment, though its caller was set anew later",
        "its setting, though its caller was deployed later",
        "its caller's deployment is not its own",
        "long ago",
        "the last one",
        "a deployment brings its settings along",
        "a change that names nobody",
    ],
)
def test_a_change_of_the_suspect_near_the_onset_decides(changes: list[ChangeContent], fault_class: str) -> None:
    found = verdict(FAULTY, *changes).leading
    assert found is not None
    assert found.fault_class == fault_class


def test_the_change_that_decides_is_cited() -> None:
    found = verdict(FAULTY, changed(ALARM_NODE, "config"), changed("n5", "deploy")).leading
    assert found is not None
    cited = {c.evidence_id for finding in found.support for c in finding.citations}
    assert {i for i in cited if ".change." in i} == {"r1.change.2"}
    assert "a deployment of n5 came 10 s before the onset" in [finding.text for finding in found.support]


def test_a_release_of_something_that_it_calls_is_no_release_of_the_service() -> None:
    bad_release = next(h for h in verdict(FAULTY, changed("n5", "deploy")).hypotheses if h.cause == "bad_release")
    assert "no release within half an hour before the onset" in [finding.text for finding in bad_release.refutation]


@pytest.mark.parametrize(("what", "fault_class"), [("release of n5", "latency-deploy"), ("timeout", "latency-config")])
def test_the_last_change_tells_a_deployment_from_a_parameter(what: str, fault_class: str) -> None:
    found = verdict(FAULTY, ChangeContent(what=what, at=NOON, by="ci", before="1", after="2")).leading
    assert found is not None
    assert found.fault_class == fault_class


@pytest.mark.parametrize(("rise", "others", "told"), [(3.0, 1.0, "request-overload"), (3.0, 3.0, "latency-config")])
def test_a_flood_is_told_from_a_busy_hour_also_where_the_alarms_calls_are_not_counted(
    rise: float, others: float, told: str
) -> None:
    """More than the demand explains, which is then told by the other nodes."""

    def times(metric: MetricContent) -> MetricContent:
        if metric.name != "requests":
            return metric
        factor = rise if metric.component == SEVERE.culprit else others
        return metric.model_copy(update={"points": [(at, factor * value) for at, value in metric.points]})

    seen = [times(m) for m in SEVERE.metrics() if (m.component, m.name) != (ALARM_NODE, "requests")]
    assert diagnosed(SEVERE.topology(), seen).fault_class == told


@pytest.mark.parametrize(
    ("kind", "told"), [("AWS::Any::Table", "request-overload"), ("AWS::Any::Task", "latency-config")]
)
def test_nobody_configures_or_deploys_what_only_holds_data(kind: str, told: str) -> None:
    graph = SEVERE.topology()
    nodes = [n.model_copy(update={"kind": kind}) if n.name == SEVERE.culprit else n for n in graph.nodes]
    held = graph.model_copy(update={"nodes": nodes})
    assert diagnosed(held, SEVERE.metrics()).fault_class == told
    change = ChangeContent(
        at=NOON - timedelta(minutes=3), what="Capacity", by="ops", before="5", after="9", component=SEVERE.culprit
    )
    assert diagnosed(held, SEVERE.metrics(), change).fault_class == "latency-config"


def diagnosed(graph: TopologyContent, metrics: Sequence[MetricContent], *changes: ChangeContent) -> e.Hypothesis:
    """The leading hypothesis about SEVERE, seen like this."""
    round_of = gathered(SEVERE, *changes)
    items = [item("metric", number, metric) for number, metric in enumerate(metrics, start=1)]
    items += [item("topology", 1, graph), *(i for i in round_of.items if i.kind == "change")]
    leading = diagnose(case(), round_of.model_copy(update={"items": items})).leading
    assert leading is not None
    assert leading.component == SEVERE.culprit
    return leading
