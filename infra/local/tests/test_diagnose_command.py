"""resilibot eval diagnose: recorded incidents in, one line each out, by the production reasoner."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resilibot.contracts.evidence import MetricContent
from resilibot.local.cli import app
from tests.support.call_graphs import CallGraph

FAULTY = CallGraph(seed=4, culprit="n5")
HEALTHY = replace(FAULTY, culprit=None)
EPOCH = 1_700_000_000


def rows(metrics: list[MetricContent]) -> str:
    lines = ["timestamp,service,metric,statistic,value"]
    for metric in metrics:
        for number, (_, value) in enumerate(metric.points):
            lines.append(f"{EPOCH + 300 * number},{metric.component},{metric.name},{metric.statistic},{value}")
    return "\n".join(lines) + "\n"


def write(folder: Path, name: str, graph: CallGraph, *, is_packed: bool = False) -> None:
    incident = folder / "incidents" / name
    incident.mkdir(parents=True)
    alarm = {"service": "n0", "metric": graph.metric, "statistic": "Average", "timestamp": EPOCH + 600}
    told = {"id": name, "alarm": alarm, "window": [EPOCH, EPOCH + 1200], "period_s": 300, "baseline": "calm"}
    (incident / "incident.json").write_text(json.dumps(told))
    topology = graph.topology()
    nodes = [{"id": node.name, "type": node.kind} for node in topology.nodes]
    (incident / "topology.json").write_text(json.dumps({"nodes": nodes, "edges": topology.edges}))
    (folder / "baselines").mkdir(exist_ok=True)
    for path, text in (
        (incident / "metrics.csv", rows(graph.metrics())),
        (folder / "baselines" / "calm.csv", rows(replace(HEALTHY, rows=60).metrics())),
    ):
        if is_packed:
            Path(f"{path}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", "diagnose", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "a", FAULTY)
    write(tmp_path, "b", HEALTHY)
    return tmp_path


def test_a_culprit_is_named_and_a_healthy_window_is_not_blamed_on_anyone(folder: Path) -> None:
    faulty, healthy = map(json.loads, run(folder, "--abstain").stdout.splitlines())
    assert faulty["ranked"][0] == "n5"
    assert faulty["confidence"] > 0.9
    assert "metrics.csv#n5/latency/Average" in faulty["citations"]
    assert (healthy["ranked"], healthy["fault_class"]) == ([], "none")
    assert healthy["confidence"] > 0.8
    assert healthy["citations"]


def test_without_abstaining_somebody_is_always_named_but_hardly_believed(folder: Path) -> None:
    faulty, healthy = map(json.loads, run(folder).stdout.splitlines())
    assert healthy["ranked"]
    assert healthy["confidence"] < 0.2 < faulty["confidence"]


def test_the_same_input_gives_the_same_bytes_packed_or_not(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    packed = tmp_path_factory.mktemp("packed")
    write(packed, "a", FAULTY, is_packed=True)
    write(packed, "b", HEALTHY, is_packed=True)
    out = folder / "out.jsonl"
    assert run(folder, "--out", out).exit_code == 0
    assert run(packed).stdout.encode() == out.read_bytes() == run(folder).stdout.encode()


def test_no_incident_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    assert run(tmp_path).exit_code == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("incident.json", "{"),
        ("incident.json", "[]"),
        ("incident.json", '{"id": "a"}'),
        ("metrics.csv", "at,value\n1,2\n"),
        ("metrics.csv", "timestamp,service,metric,statistic,value\n1,a,latency,Average,many\n"),
        ("metrics.csv", "timestamp,service,metric,statistic,value\n1,a\n"),
        ("topology.json", '{"nodes": [{}], "edges": []}'),
    ],
)
def test_a_file_out_of_shape_is_named(folder: Path, file: str, text: str) -> None:
    (folder / "incidents" / "a" / file).write_text(text)
    failed = run(folder)
    assert failed.exit_code == 2
    assert file in failed.stderr.replace("\n", "")


def test_a_folder_that_is_none_is_bad_use(tmp_path: Path) -> None:
    assert run(tmp_path / "none").exit_code == 2


def test_absent_metrics_are_a_gap_and_name_nobody(folder: Path) -> None:
    (folder / "incidents" / "a" / "metrics.csv").unlink()
    assert json.loads(run(folder).stdout.splitlines()[0])["ranked"] == []
