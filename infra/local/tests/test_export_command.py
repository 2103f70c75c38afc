"""resilibot export --fixture: an incident of the log becomes a case that passes, until its diagnosis breaks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.contracts import events as e
from resilibot.contracts.canonical import GENESIS, content_hash
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import ChangeContent, EvidenceGap, EvidenceItem, LogContent, LogPattern
from resilibot.local.cli import app
from resilibot.local.fixture import headline
from resilibot.local.log_eval import first_answer
from resilibot.observe.itemise import Found, itemise
from resilibot.reason import diagnose as reasoner
from resilibot.reason import scene
from resilibot.reason.diagnose import diagnose
from resilibot.reason.localise import Localised
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import NOON
from tests.simulation.run import Run
from tests.support.call_graphs import CallGraph
from tests.support.recorded_rows import followed_by, rows

Log = Sequence[RecordedEvent]
DRILLS = {"hung-worker": "hung_process", "bad-deploy": "bad_release", "false-alarm": None}
DAY_S = 86400.0
SEALED = f"enc:v1:{'ab' * 16}:{'Q' * 60}"
SECRET = "AKIAIOSFODNN7EXAMPLE"


@cache
def drilled(drill: str) -> Log:
    """A simulated incident in which the drill's trouble was met, as far as it had gone before anybody closed it."""
    for seed in range(100):
        run = Run(seed).play()
        for stream in run.incidents():
            log = run.events(stream)
            ends = next((n for n, one in enumerate(log) if isinstance(one.readable, e.IncidentClosedV1)), len(log))
            if (answer := first_answer(log[:ends])) is None:
                continue
            reached = answer[0].event
            assert isinstance(reached, e.DiagnosisReachedV1)
            cause = reached.leading.cause if reached.leading else None
            if reached.outcome != "inconclusive" and cause == DRILLS[drill]:
                return log[:ends]
    raise AssertionError(f"nobody met {drill}")


@cache
def unsure() -> Log:
    """An incident of which no look ever told anything for sure."""
    for seed in range(100):
        run = Run(seed).play()
        for stream in run.incidents():
            log = run.events(stream)
            answer = first_answer(log)
            if answer and getattr(answer[0].event, "outcome", "") == "inconclusive" and not fold("x", log).merged_into:
                return log
    raise AssertionError("everything was told for sure")


def relinked(log: Log, change: Callable[[DomainEvent], DomainEvent]) -> list[RecordedEvent]:
    linked: list[RecordedEvent] = []
    for one in log:
        envelope = one.envelope.model_copy(update={"data": change(one.event).payload()})
        linked.append(RecordedEvent.after(linked[-1].hash if linked else GENESIS, envelope))
    return linked


def seen_as(log: Log, items: Callable[[list[EvidenceItem]], list[EvidenceItem]], **more: Any) -> list[RecordedEvent]:
    """The history as it would be, had the look that was sure found other evidence; `more`: other fields of it."""
    answer = first_answer(log)
    assert answer is not None
    recorded, seen = answer
    found = seen.model_copy(update={"items": items(list(seen.items)), **more})
    case = fold("x", log[: recorded.version - 1])

    def change(event: DomainEvent) -> DomainEvent:
        return {id(seen): found, id(recorded.event): diagnose(case, found)}.get(id(event), event)

    return relinked(log, change)


def on_a_graph() -> list[RecordedEvent]:
    """The trouble of a service that n5 of its call graph causes."""
    graph = CallGraph(seed=4, culprit="n5")
    contents = [(metric, {"m": str(n)}, metric.name) for n, metric in enumerate(graph.metrics())]
    found = [Found("metric", "cloudwatch", contents), Found("topology", "x-ray", [(graph.topology(), {}, "graph")])]
    return seen_as(drilled("hung-worker"), lambda _: itemise(found, [], 1, InMemoryBlobStore())[0])


def export(folder: Path, log: Log, *more: object, incident: str = "") -> Result:
    source = folder / "replay.json"
    source.write_text(json.dumps(rows(log)))
    incident = incident or log[0].stream.partition("#")[2]
    arguments = ["export", "--fixture", incident, "--from", source, "--out", folder / "cases", *more]
    return CliRunner().invoke(app, [*map(str, arguments)])


def exported(folder: Path, log: Log, *more: object) -> dict[str, Any]:
    result = export(folder, log, "--json", *more)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def evaluate(folder: Path, *more: object) -> Result:
    cases = folder / "cases"
    arguments = ["eval", "diagnose", cases, "--truth", cases / "truth.jsonl", "--at-least", "grade=100", "--json"]
    return CliRunner().invoke(app, [*map(str, arguments), *map(str, more)])


def figures(folder: Path, *more: object) -> dict[str, Any]:
    result = evaluate(folder, *more)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def files(folder: Path) -> dict[str, bytes]:
    cases = folder / "cases"
    return {path.relative_to(cases).as_posix(): path.read_bytes() for path in cases.rglob("*") if path.is_file()}


def confirmed(log: Log, component: str, cause: str, comment: str = "") -> list[RecordedEvent]:
    return followed_by(log, (DAY_S, e.RootCauseConfirmedV1(component=component, cause=cause, comment=comment)))


def reversed_hypotheses(monkeypatch: pytest.MonkeyPatch) -> None:
    original = reasoner._hypotheses

    def last_first(*arguments: Any) -> list[e.Hypothesis]:
        ranked = original(*arguments)
        verdicts = [h.verdict for h in ranked]
        return [h.model_copy(update={"verdict": v}) for h, v in zip(reversed(ranked), verdicts, strict=True)]

    monkeypatch.setattr(reasoner, "_hypotheses", last_first)


def whoever_comes_first_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = reasoner._hypotheses

    def blamed(*arguments: Any) -> list[e.Hypothesis]:
        return [h.model_copy(update={"verdict": "leading"}) for h in original(*arguments)]

    monkeypatch.setattr(reasoner, "_hypotheses", blamed)


def another_node(monkeypatch: pytest.MonkeyPatch) -> None:
    original = scene.localise

    def wrong(*arguments: Any) -> Localised | None:
        found = original(*arguments)
        assert found is not None
        first, second, *others = found.suspects
        swapped = replace(second, confidence=first.confidence, share=first.share, unusual=first.unusual)
        return replace(found, suspects=(swapped, first, *others))

    monkeypatch.setattr(scene, "localise", wrong)


@pytest.mark.feature(211)
@pytest.mark.parametrize(
    ("drill", "breaks"),
    [
        ("hung-worker", reversed_hypotheses),
        ("bad-deploy", reversed_hypotheses),
        ("false-alarm", whoever_comes_first_is_blamed),
    ],
)
def test_the_incident_of_a_drill_passes_as_it_is_and_fails_when_its_diagnosis_is_broken(
    drill: str, breaks: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(tmp_path, drilled(drill))
    told = figures(tmp_path, "--repeat", 5)
    right = told["specificity"] if drill == "false-alarm" else told["top1"]
    assert (right, told["grade"], told["cases"], told["stable"]) == (1.0, 100, 1, 1)
    breaks(monkeypatch)
    broken = evaluate(tmp_path)
    assert broken.exit_code == 1
    assert "grade 0.000 is below 100" in " ".join(broken.stderr.split())


@pytest.mark.feature(211)
@pytest.mark.parametrize("drill", DRILLS)
def test_the_case_is_diagnosed_as_the_incident_was(drill: str, tmp_path: Path) -> None:
    answer = first_answer(drilled(drill))
    assert answer is not None
    told = exported(tmp_path, drilled(drill))["diagnosis"]
    assert told["now"] == told["recorded"] == headline(answer[0].event)  # type: ignore[arg-type]
    assert told["same"] is True
    assert told["now"]["cause"] == DRILLS[drill]


def test_what_could_not_be_seen_weighs_in_the_case_as_it_did_and_no_answer_is_an_answer(tmp_path: Path) -> None:
    def without(items: list[EvidenceItem]) -> list[EvidenceItem]:
        return [item for item in items if item.kind not in ("log", "change")]

    gaps = [EvidenceGap(kind=kind, source="s", reason="timeout", detail="late") for kind in ("log", "change")]
    log = seen_as(drilled("hung-worker"), without, gaps=gaps, answered=["change"])
    told = exported(tmp_path, log)["diagnosis"]
    assert told["same"] is True
    elsewhere = tmp_path / "seen"
    elsewhere.mkdir()
    whole = exported(elsewhere, seen_as(drilled("hung-worker"), without, gaps=[]))["diagnosis"]
    assert told["now"]["confidence"] == pytest.approx(0.9 * whole["now"]["confidence"], abs=1e-4)


def test_what_a_second_look_was_sure_of_comes_with_the_changes_that_the_first_had_found(tmp_path: Path) -> None:
    """Of a release that only the first look saw."""
    run = Run(56).play()
    log = next(found for stream in run.incidents() if surely_at_second_look(found := run.events(stream)))
    told = exported(tmp_path, log)
    assert (told["truth"]["cause"], told["diagnosis"]["same"]) == ("bad_release", True)
    items = json.loads(Path(told["files"][1]).read_text())["data"]["items"]
    assert {item["id"].split(".")[0] for item in items if item["kind"] == "change"} == {"r1"}
    assert {item["id"].split(".")[0] for item in items if item["kind"] == "metric"} == {"r2"}


def surely_at_second_look(log: Log) -> bool:
    answer = first_answer(log)
    return answer is not None and answer[1].purpose == "verify"


def test_the_case_is_of_the_moment_in_which_it_was_judged(tmp_path: Path) -> None:
    """Its alarm fired then, whatever it did later."""
    log = drilled("bad-deploy")
    fired = fold("x", log).signals.values()
    cleared = [
        e.SignalClearedV1(signal_name=s.signal.name, fingerprint=s.fingerprint, cleared_at=s.signal.fired_at)
        for s in fired
    ]
    later = followed_by(log, *((60.0, event) for event in cleared))
    assert not any(s.is_firing for s in fold("x", later).signals.values())
    told = exported(tmp_path, later)
    assert json.loads(Path(told["files"][0]).read_text())["alarm"]["state"] == "ALARM"


def test_an_alarm_that_was_over_by_then_is_over_in_the_case(tmp_path: Path) -> None:
    """Where the evidence holds no metric of the alarm, its own word decides."""

    def over(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.IncidentOpenedV1 | e.SignalAttachedV1):
            return event
        return event.model_copy(update={"signal": event.signal.model_copy(update={"state": "OK"})})

    def of_others(items: list[EvidenceItem]) -> list[EvidenceItem]:
        found = []
        for item in items:
            content = {**(item.content or {}), **({"is_alarm_metric": False} if item.kind == "metric" else {})}
            found.append(item.model_copy(update={"content": content, "content_hash": content_hash(content)}))
        return found

    log = seen_as(relinked(drilled("false-alarm"), over), of_others)
    told = exported(tmp_path, log)["diagnosis"]
    assert (told["recorded"]["outcome"], told["same"]) == ("no_fault", True)


@pytest.mark.feature(211)
def test_a_culprit_on_the_call_graph_is_held_and_another_node_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = exported(tmp_path, on_a_graph())
    assert (told["truth"]["service"], told["diagnosis"]["same"]) == ("n5", True)
    assert figures(tmp_path)["top1"] == 1.0
    another_node(monkeypatch)
    assert evaluate(tmp_path).exit_code == 1


def test_of_a_case_on_a_call_graph_telemetry_can_be_left_out(tmp_path: Path) -> None:
    exported(tmp_path, on_a_graph())
    told = figures(tmp_path, "--without", 0.3, "--spare-culprit")
    assert (told["without"]["series"], told["without"]["culprits_hit"], told["top1"]) == (6, 0, 1.0)
    assert evaluate(tmp_path, "--without", 1).exit_code == 1, "of the alarm's node alone nobody can tell"


@pytest.mark.parametrize("drill", DRILLS)
def test_the_same_incident_gives_the_same_bytes(drill: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    exported(one, drilled(drill))
    exported(other, drilled(drill))
    assert len(files(one)) == 3
    assert files(one) == files(other)


def test_cases_gather_in_one_folder_and_none_is_written_over(tmp_path: Path) -> None:
    for drill in DRILLS:
        exported(tmp_path, drilled(drill))
    assert (figures(tmp_path)["cases"], figures(tmp_path)["counts"]["healthy"]) == (3, 1)
    before = files(tmp_path)
    again = export(tmp_path, confirmed(drilled("bad-deploy"), "elsewhere", "a fire"), "--failing")
    assert again.exit_code == 2
    assert "already" in again.stderr
    assert files(tmp_path) == before


def test_what_a_person_confirmed_is_the_truth_and_the_case_says_so(tmp_path: Path) -> None:
    log = drilled("hung-worker")
    assert exported(tmp_path, log)["truth"]["told_by"] == "diagnosis"
    culprit = json.loads((tmp_path / "cases" / "truth.jsonl").read_text())["service"]
    elsewhere = tmp_path / "confirmed"
    elsewhere.mkdir()
    told = exported(elsewhere, confirmed(log, culprit, "somebody pulled the plug"))["truth"]
    assert (told["told_by"], told["service"], "cause" in told) == ("person", culprit, False)
    assert figures(elsewhere)["top1"] == 1.0


def test_a_diagnosis_that_a_person_refuted_makes_a_test_that_is_red_and_only_if_asked_for(tmp_path: Path) -> None:
    log = confirmed(drilled("bad-deploy"), "orders", "no_fault")
    refused = export(tmp_path, log, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"]["code"] == "does_not_pass"
    assert not (tmp_path / "cases").exists()
    told = exported(tmp_path, log, "--failing")
    assert (told["passes"], told["grade"], told["truth"]["healthy"]) == (False, 0, True)
    assert evaluate(tmp_path).exit_code == 1


def test_who_named_nobody_gives_no_truth_until_a_person_does(tmp_path: Path) -> None:
    refused = export(tmp_path, unsure(), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"]["code"] == "truth_unknown"
    told = exported(tmp_path, confirmed(unsure(), "orders", "no_fault"))
    assert (told["truth"]["healthy"], told["passes"]) == (True, True)
    assert figures(tmp_path)["specificity"] == 1.0


def test_an_incident_without_a_diagnosis_or_that_went_on_as_another_gives_no_case(tmp_path: Path) -> None:
    log = drilled("bad-deploy")
    assert export(tmp_path, log[:1]).exit_code == 1
    merged = followed_by(log, (5.0, e.IncidentMergedV1(into=log[0].stream.partition("#")[2])))
    result = export(tmp_path, merged, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (1, "merged_away")


def test_neither_people_nor_secrets_go_along(tmp_path: Path) -> None:
    """Not even from a log that was written before names were sealed and secrets were looked for."""

    def told(items: list[EvidenceItem]) -> list[EvidenceItem]:
        makers = {"r1.change.8": SEALED, "r1.change.9": "bert"}
        changes = [
            ChangeContent(what="release", at=NOON, by=by, before="1", after=f"2 after {SEALED}")
            for by in makers.values()
        ]
        line = f"denied for {SECRET}"
        pattern = LogPattern(template=line, level="INFO", count=1, baseline_count=0, first_at=NOON, sample=line)
        log = LogContent(group="app", lines=1, baseline_lines=0, truncated=False, patterns=[pattern])
        added = [item(name, change, f"release by {change.by}") for name, change in zip(makers, changes, strict=True)]
        return [*items, *added, item("r1.log.9", log, line)]

    def item(name: str, value: ChangeContent | LogContent, summary: str) -> EvidenceItem:
        content = value.model_dump(mode="json")
        told = {"id": name, "kind": name.split(".")[1], "summary": summary, "source": "s", "query": {"by": SEALED}}
        return EvidenceItem.model_validate({**told, "content": content, "content_hash": content_hash(content)})

    log = confirmed(seen_as(drilled("hung-worker"), told), "h", "hung_process", comment="ask carla")
    told_of = exported(tmp_path, log, "--failing")
    everything = b"".join(files(tmp_path).values()).decode()
    assert [
        word for word in (SEALED, "enc:v1", SECRET, "by bert", '"bert"', "carla", "ann@") if word in everything
    ] == []
    left = " ".join(told_of["left_behind"])
    assert "r1.change.8: who is named in it" in left
    assert "r1.change.9: who is named in it" in left
    assert "r1.log.9: what is redacted by now" in left
    assert '"by": "[erased]"' in everything
    assert "[aws-key]" in everything


def test_what_the_case_cannot_carry_is_named_and_stands_in_it(tmp_path: Path) -> None:
    def told(items: list[EvidenceItem]) -> list[EvidenceItem]:
        far = items[0].model_copy(update={"id": "r1.metric.8", "content": None, "content_ref": "s3://b/sha256/0"})
        forged = items[0].model_copy(update={"id": "r1.metric.9", "content_hash": "0" * 64})
        return [*items, far, forged]

    def by_a_model(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.DiagnosisReachedV1):
            return event
        return event.model_copy(update={"reasoner": event.reasoner.model_copy(update={"model": "m1"})})

    log = relinked(seen_as(drilled("hung-worker"), told), by_a_model)
    assert len(fold("x", log).rounds) > 1
    left = exported(tmp_path, log)["left_behind"]
    for word in ("r1.metric.8: its content lies", "r1.metric.9: its content is not", "rounds 2", "model m1"):
        assert [line for line in left if word in line], word
    stored = json.loads((tmp_path / "cases" / "incidents" / log[0].stream[9:] / "incident.json").read_text())
    assert stored["left_behind"] == left
    assert "s3://" not in "".join(map(bytes.decode, files(tmp_path).values()))
    shown = tmp_path / "shown"
    shown.mkdir()
    words = " ".join(export(shown, log).stdout.split())
    assert "left behind: r1.metric.8" in words
    assert "which nobody confirmed" in words
    assert "--at-least grade=100" in words


def test_evidence_that_was_edited_in_the_case_counts_for_nothing(tmp_path: Path) -> None:
    told = exported(tmp_path, drilled("bad-deploy"))
    observed = Path(told["files"][1])
    held = json.loads(observed.read_text())
    for item in held["data"]["items"]:
        item["content"]["source"] = "edited"
    observed.write_text(json.dumps(held))
    assert evaluate(tmp_path).exit_code == 2, "no such field"
    for item in held["data"]["items"]:
        del item["content"]["source"]
        item["content_hash"] = "0" * 64
    observed.write_text(json.dumps(held))
    assert evaluate(tmp_path).exit_code == 1


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"type": 1, "data": {}}', '{"type": "EvidenceGathered.v9", "data": {}}',
     '{"type": "NoteAdded.v1", "data": {"text": "x"}}', '{"type": "EvidenceGathered.v1", "data": 1}'],
)  # fmt: skip
def test_a_round_out_of_shape_is_bad_use_and_named(tmp_path: Path, text: str) -> None:
    Path(exported(tmp_path, drilled("bad-deploy"))["files"][1]).write_text(text)
    result = evaluate(tmp_path)
    assert result.exit_code == 2
    assert "observed.json" in result.stderr.replace("\n", "")


def test_a_case_with_two_tellings_of_its_evidence_is_bad_use(tmp_path: Path) -> None:
    told = exported(tmp_path, drilled("bad-deploy"))
    Path(told["files"][1]).with_name("metrics.csv").write_text("timestamp,service,metric,statistic,value\n")
    assert evaluate(tmp_path).exit_code == 2


def test_bad_use_is_told_apart_from_failing(tmp_path: Path) -> None:
    log = drilled("bad-deploy")
    another = export(tmp_path, log, "--json", incident="01JAAAAAAAAAAAAAAAAAAAAAAA")
    assert (another.exit_code, json.loads(another.stderr)["error"]["code"]) == (2, "another_incident")
    assert export(tmp_path, log, "--from", tmp_path / "absent.json").exit_code == 2
    (tmp_path / "cases").write_text("a file")
    assert export(tmp_path, log).exit_code == 2


def test_a_case_that_was_left_without_its_truth_gets_it_the_next_time(tmp_path: Path) -> None:
    log = drilled("bad-deploy")
    truths = tmp_path / "cases" / "truth.jsonl"
    exported(tmp_path, log)
    whole = files(tmp_path)
    truths.unlink()  # as if it had been killed just before
    exported(tmp_path, log)
    assert files(tmp_path) == whole
    truths.unlink()
    assert export(tmp_path, confirmed(log, "elsewhere", "a fire"), "--failing").exit_code == 0, (
        "the evidence is the same"
    )
    truths.unlink()
    observed = next(tmp_path.rglob("observed.json"))
    observed.write_text(observed.read_text() + " ")
    assert export(tmp_path, log).exit_code == 2


@pytest.mark.parametrize("incident", ["../silences", "x/../../status", "x?version=1", "x#"])
def test_an_id_that_leads_elsewhere_in_the_api_is_bad_use(incident: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--fixture", incident, "--out", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (2, "bad_use")


def test_a_file_that_is_nested_without_end_is_refused_by_name(tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    result = export(tmp_path, drilled("bad-deploy"), "--from", deep, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (2, "log_invalid")
    exported(tmp_path, drilled("bad-deploy"))
    next(tmp_path.rglob("observed.json")).write_text('{"a":' * 100_000)
    told = evaluate(tmp_path)
    assert (told.exit_code, json.loads(told.stderr)["error"]["code"]) == (2, "folder_invalid")


def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A file may tell of an incident by any name."""
    linked: list[RecordedEvent] = []
    for one in drilled("bad-deploy"):
        envelope = one.envelope.model_copy(update={"stream": "incident#../../out"})
        linked.append(RecordedEvent.after(linked[-1].hash if linked else GENESIS, envelope))
    result = export(tmp_path, linked, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (2, "bad_use")
    assert not (tmp_path / "out").exists()
