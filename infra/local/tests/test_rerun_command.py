"""resilibot rerun: from files alone, with the network cut, and every difference told."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resilibot.contracts import events as e
from resilibot.contracts.canonical import GENESIS, canonical
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import DomainEvent
from resilibot.contracts.evidence import EvidenceItem
from resilibot.local import rerun as rerunning
from resilibot.local.cli import app
from resilibot.local.commands.rerunning import word_of
from resilibot.local.no_network import NetworkRefused, no_network
from resilibot.local.recorded_log import CarriedBlobs, RecordedLog, of_answer
from resilibot.local.rerun import GateRules, rerun
from resilibot.local.rerun_told import told as told_in
from resilibot.local.second_reader import SecondReader
from resilibot.reason.recover import judge
from resilibot.runtime.audit.bundle import build
from resilibot.runtime.audit.checkpoints import InMemoryCheckpoints, open_all, take
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.models.port import ModelDenied
from resilibot.runtime.testing import NOON
from tests.simulation.house import ACT
from tests.simulation.run import Run
from tests.support.ledger import KEY
from tests.support.model_answers import ScriptedModel, ports, reply, says
from tests.support.recorded_rows import followed_by, rows

RULES = GateRules(ACT)


@cache
def healed() -> tuple[Run, str]:
    """A simulated house, and its incident in which an action was taken by policy alone."""
    for seed in range(100):
        run = Run(seed).play()
        for stream in run.incidents():
            types = [type(one.readable) for one in run.events(stream)]
            starts = [one.readable for one in run.events(stream) if isinstance(one.readable, e.ActionStartedV1)]
            if e.IncidentResolvedV1 in types and starts and starts[0].basis == "policy":
                return run, stream
    raise AssertionError("no such story")


def events() -> tuple[RecordedEvent, ...]:
    run, stream = healed()
    return run.events(stream)


def changed(change: Callable[[DomainEvent], DomainEvent]) -> list[RecordedEvent]:
    """The same history with other events, linked anew."""
    linked: list[RecordedEvent] = []
    for one in events():
        envelope = one.envelope.model_copy(update={"data": change(one.event).payload()})
        linked.append(RecordedEvent.after(linked[-1].hash if linked else GENESIS, envelope))
    return linked


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["rerun", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(rows(events())))
    return path


@pytest.mark.feature(202)
def test_a_file_alone_gives_the_same_decisions_and_the_same_bytes(file: Path) -> None:
    first, again = run("--from", file, "--json", "--strict"), run("--from", file, "--json", "--strict")
    assert first.exit_code == 0, first.output
    assert first.stdout == again.stdout
    told = json.loads(first.stdout)
    assert told["same"] is True
    assert told["incident_id"] == healed()[1].partition("#")[2]
    assert [one["differs"] for one in told["rounds"]] == [[] for _ in told["rounds"]]
    assert told["rounds"][0]["gate"]["rerun"][0]["decision"] == "auto"
    assert told["cost_usd"] == {"recorded": "0", "rerun": "0"}


def test_people_read_the_same_in_words(file: Path) -> None:
    shown = run("--from", file).stdout
    assert "diagnosis: same: conclusive" in shown
    assert "the same decisions" in shown


def test_a_bundle_is_as_good_as_a_file(file: Path, tmp_path: Path) -> None:
    played, stream = healed()
    checkpoints = InMemoryCheckpoints()
    assert take(played.store, checkpoints, KEY, NOON)
    genuine = open_all(checkpoints, KEY.key_id).genuine
    bundle = build(stream.partition("#")[2], played.store, genuine, InMemoryBlobStore())
    (tmp_path / "bundle.tar").write_bytes(bundle.content)
    assert run("--from", tmp_path / "bundle.tar", "--json").stdout == run("--from", file, "--json").stdout


@pytest.mark.feature(202)
def test_another_policy_changes_the_gate_and_nothing_else(file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"rules": [{"id": "nothing-alone", "decision": "approval"}]}))
    result = run("--from", file, "--policy", policy, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [one["differs"] for one in told["rounds"] if one["differs"]] == [["gate"]]
    (gate,) = told["rounds"][0]["gate"]["rerun"]
    assert (gate["decision"], gate["policy_ids"]) == ("approval", ["nothing-alone"])
    assert told["rounds"][0]["gate"]["policy"]["rerun"] != told["rounds"][0]["gate"]["policy"]["recorded"]
    assert run("--from", file, "--policy", policy, "--strict").exit_code == 1
    assert "gate differs" in run("--from", file, "--policy", policy).stdout


def test_a_policy_that_nobody_knows_any_more_is_said_and_not_guessed() -> None:
    def under_another(event: DomainEvent) -> DomainEvent:
        return event.model_copy(update={"policy_version": "p9"}) if isinstance(event, e.PlanGatedV1) else event

    log = of_answer(rows(changed(under_another)), CarriedBlobs())
    first = rerun(log, judge, RULES)[0]
    assert "policy p9 is not known here" in first.notes[0]
    assert first.policy == ("p9", None)
    assert (first.gate[1], first.differs) == (None, [])


def saved(path: Path, recorded: Sequence[RecordedEvent]) -> Path:
    (path / "made.json").write_text(json.dumps(rows(recorded)))
    return path / "made.json"


@pytest.mark.feature(202)
def test_a_gate_that_is_not_asked_again_is_not_called_the_same(tmp_path: Path) -> None:
    """Else whoever writes an unknown policy into a log could let everything pass there."""

    def let_through(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.PlanGatedV1):
            return event
        gates = [g.model_copy(update={"decision": "approval"}) for g in event.gates]
        return event.model_copy(update={"policy_version": "p9", "gates": gates})

    path = saved(tmp_path, changed(let_through))
    told = json.loads(run("--from", path, "--json").stdout)
    assert told["same"] is False
    assert [one["type"] for one in told["not_asked_again"]] == ["PlanGated.v1"]
    assert told["rounds"][0]["gate"]["rerun"] is None
    shown = run("--from", path).stdout
    assert "gate: same" not in shown
    assert "the same decisions, but 1 not asked again" in " ".join(shown.split())
    assert run("--from", path, "--strict").exit_code == 1


@pytest.mark.feature(202)
@pytest.mark.parametrize("forged", [e.DiagnosisReachedV1, e.PlanProposedV1, e.PlanGatedV1, e.IncidentResolvedV1])
def test_a_decision_that_no_evidence_led_to_is_told_and_nothing_is_called_the_same(
    tmp_path: Path, forged: type[DomainEvent]
) -> None:
    """Recorded as if out of nowhere: no round leads to it, so no round is asked about it."""
    decision = next(one.event for one in events() if isinstance(one.readable, forged))
    path = saved(tmp_path, followed_by(events(), (1, decision)))
    told = json.loads(run("--from", path, "--json").stdout)
    assert [one["differs"] for one in told["rounds"] if one["differs"]] == []
    assert told["same"] is False
    assert told["not_asked_again"] == [{"type": decision.wire_type, "version": len(events()) + 1}]
    assert run("--from", path, "--strict").exit_code == 1


def test_a_decision_that_this_build_cannot_read_is_not_called_the_same(tmp_path: Path) -> None:
    linked: list[RecordedEvent] = []
    for one in events():
        newer = {"type": "DiagnosisReached.v99"} if isinstance(one.event, e.DiagnosisReachedV1) else {}
        envelope = one.envelope.model_copy(update=newer)
        linked.append(RecordedEvent.after(linked[-1].hash if linked else GENESIS, envelope))
    result = run("--from", saved(tmp_path, linked), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["same"] is False
    assert "DiagnosisReached.v99" in {one["type"] for one in told["not_asked_again"]}
    assert any("DiagnosisReached.v99" in note for one in told["rounds"] for note in one["notes"])


def test_a_step_that_was_exchanged_behind_the_gate_is_another_decision() -> None:
    def renamed(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.PlanGatedV1):
            return event
        return event.model_copy(update={"gates": [g.model_copy(update={"step_id": "s9"}) for g in event.gates]})

    log = of_answer(rows(changed(renamed)), CarriedBlobs())
    assert rerun(log, judge, RULES)[0].differs == ["gate"]


def test_a_target_that_was_busy_then_is_no_other_decision() -> None:
    """Only the target's own log knows of it; another reason that is missing now is another decision."""

    def blocked(event: DomainEvent, reasons: Callable[[list[str]], list[str]]) -> DomainEvent:
        if not isinstance(event, e.PlanGatedV1):
            return event
        gates = [g.model_copy(update={"decision": "blocked", "reasons": reasons(g.reasons)}) for g in event.gates]
        return event.model_copy(update={"gates": gates})

    busy = changed(lambda event: blocked(event, lambda said: [*said, "host/a: action b is open"]))
    first = rerun(of_answer(rows(busy), CarriedBlobs()), judge, RULES)[0]
    assert first.differs == []
    assert "the target was busy" in first.notes[0]
    other = changed(lambda event: blocked(event, lambda said: ["rule freeze fits", "host/a: action b is open"]))
    assert rerun(of_answer(rows(other), CarriedBlobs()), judge, RULES)[0].differs == ["gate"]


def test_a_reasoner_that_hides_that_it_reached_out_fails_too() -> None:
    def sly(case: Any, gathered: Any) -> Any:
        with suppress(Exception):
            socket.create_connection(("127.0.0.1", 9), 0.1)
        return judge(case, gathered)

    with pytest.raises(NetworkRefused):
        rerun(of_answer(rows(changed(lambda event: event)), CarriedBlobs()), sly, RULES)
    assert rerun(of_answer(rows(changed(lambda event: event)), CarriedBlobs()), judge, RULES)[0].differs == []


def test_a_rule_that_blocked_then_and_is_gone_now_is_another_decision() -> None:
    """It adds one reason to those of the class, as a busy target does."""

    def frozen(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.PlanGatedV1):
            return event
        changes = {"decision": "blocked", "policy_ids": ["freeze"]}
        gates = [g.model_copy(update={**changes, "reasons": [*g.reasons, "rule freeze fits"]}) for g in event.gates]
        return event.model_copy(update={"gates": gates})

    first = rerun(of_answer(rows(changed(frozen)), CarriedBlobs()), judge, RULES)[0]
    assert first.differs == ["gate"]
    assert first.notes == ()


@pytest.mark.feature(202)
def test_another_verdict_is_told_with_the_claims_that_came_and_went(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shy(case: Any, gathered: Any) -> Any:
        reached = judge(case, gathered)
        if not isinstance(reached, e.DiagnosisReachedV1) or reached.outcome != "conclusive":
            return reached
        return reached.model_copy(
            update={
                "outcome": "no_fault",
                "summary": "it is nothing",
                "hypotheses": [],
                "findings": [f.model_copy(update={"text": "all is calm"}) for f in reached.hypotheses[0].support[:1]],
                "reasoner": reached.reasoner.model_copy(update={"name": "shy", "cost_usd": "0.02", "tokens_in": 7}),
            }
        )

    monkeypatch.setattr(rerunning, "REASONERS", {**rerunning.REASONERS, "shy": shy})
    monkeypatch.setattr("resilibot.local.commands.rerunning.REASONERS", {"shy": shy})
    result = run("--from", file, "--reasoner", "shy", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    first = told["rounds"][0]
    assert first["differs"] == ["diagnosis", "plan", "gate"]
    assert first["diagnosis"]["recorded"]["outcome"] == "conclusive"
    assert first["diagnosis"]["rerun"]["outcome"] == "no_fault"
    assert {"outcome", "summary", "hypotheses", "findings", "reasoner"} <= set(first["diagnosis"]["fields"])
    assert [claim.startswith("all is calm [r1.") for claim in first["diagnosis"]["findings_added"]] == [True]
    assert any(claim.startswith("for ") for claim in first["diagnosis"]["findings_removed"])
    assert first["plan"]["rerun"]["reason"] == "no_fault"
    assert first["gate"]["rerun"] is None
    assert told["cost_usd"]["rerun"] == "0.02"
    words = run("--from", file, "--reasoner", "shy").stdout
    assert "diagnosis differs" in words
    assert "+ all is calm" in words


# The network is cut


def _connects() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()


def _looks_up() -> None:
    socket.getaddrinfo("example.org", 443)


def _starts_a_process() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def _asks_underneath() -> None:
    import _socket

    _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM).close()


def _uses_a_thread() -> None:
    raised: list[NetworkRefused] = []

    def ask() -> None:
        try:
            _looks_up()
        except NetworkRefused as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    raise raised[0]


@pytest.mark.feature(202)
@pytest.mark.parametrize("reach", [_connects, _looks_up, _starts_a_process, _asks_underneath, _uses_a_thread])
def test_a_reasoner_that_reaches_out_fails(
    file: Path, monkeypatch: pytest.MonkeyPatch, reach: Callable[[], None]
) -> None:
    def curious(case: Any, gathered: Any) -> Any:
        reach()
        return judge(case, gathered)

    monkeypatch.setattr("resilibot.local.commands.rerunning.REASONERS", {"curious": curious})
    result = run("--from", file, "--reasoner", "curious", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "network_refused"


def test_afterwards_sockets_open_again_and_an_event_loop_may_exist_meanwhile() -> None:
    with no_network():
        one, other = socket.socketpair()
        with no_network():
            pass
    with pytest.raises(NetworkRefused), no_network():
        one.bind("/nowhere/nobody.sock")
    one.close()
    other.close()

    def after_an_inner_one() -> None:
        with no_network():
            with no_network():
                pass
            socket.socket(socket.AF_INET)

    with pytest.raises(NetworkRefused):
        after_an_inner_one()
    socket.socket(socket.AF_INET).close()


# Evidence that was stored by reference


def moved(blobs: InMemoryBlobStore, content: Callable[[EvidenceItem], bytes]) -> RecordedLog:
    """The log with the first metric of the first round stored by reference."""

    def away(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.EvidenceGatheredV1) or event.round != 1:
            return event
        first = next(item for item in event.items if item.kind == "metric")
        ref = blobs.put(content(first), media_type="application/json")
        gone = first.model_copy(update={"content": None, "content_ref": ref})
        return event.model_copy(update={"items": [gone if item is first else item for item in event.items]})

    return of_answer(rows(changed(away)), blobs)


def _as_it_was(item: EvidenceItem) -> bytes:
    return canonical(item.content)


def test_evidence_by_reference_is_read_and_checked_and_shown_only_when_asked() -> None:
    seen: list[bool] = []

    def spying(case: Any, gathered: Any) -> Any:
        seen.append(all(item.content is not None for item in gathered.items))
        return judge(case, gathered)

    log = moved(InMemoryBlobStore(), _as_it_was)
    first = rerun(log, spying, RULES)[0]
    assert (first.by_reference, first.faults, seen[0]) == (1, (), False)
    seen.clear()
    whole = rerun(log, spying, RULES, with_references=True)[0]
    assert seen[0] is True
    assert whole.verdict[0] == whole.verdict[1], "with all of its evidence it is the verdict of then"


@pytest.mark.feature(202)
def test_evidence_that_is_not_to_be_had_is_called_missing(tmp_path: Path) -> None:
    log = moved(InMemoryBlobStore(), _as_it_was)
    (fault,) = rerun(RecordedLog(log.incident_id, log.events, CarriedBlobs()), judge, RULES)[0].faults
    assert (fault.code, fault.evidence_id[:9]) == ("EVIDENCE_MISSING", "r1.metric")
    path = tmp_path / "log.json"
    path.write_text(json.dumps(rows(log.events)))
    result = run("--from", path)
    assert result.exit_code == 0
    assert "EVIDENCE_MISSING" in result.stdout
    strict = run("--from", path, "--strict", "--json")
    told = json.loads(strict.stdout)
    assert (strict.exit_code, told["same"], told["evidence_faults"]) == (1, False, [vars(fault)])


def test_lost_evidence_alone_is_enough_not_to_be_called_the_same() -> None:
    log = of_answer(rows(events()), CarriedBlobs())
    first, *others = rerun(log, judge, RULES)
    assert told_in(log.incident_id, "deterministic", [first, *others])["same"] is True
    lost = replace(first, faults=(rerunning.EvidenceFault("r1.log.1", "EVIDENCE_MISSING", None),))
    told = told_in(log.incident_id, "deterministic", [lost, *others])
    assert (told["same"], told["rounds"][0]["differs"], len(told["evidence_faults"])) == (False, [], 1)


def test_evidence_that_is_not_what_it_was_is_called_altered() -> None:
    """Under a reference of its own hash, but not with that of the evidence; and with another content than its hash."""
    other = moved(InMemoryBlobStore(), lambda item: canonical({**(item.content or {}), "period_s": 1}))
    (fault,) = rerun(other, judge, RULES)[0].faults
    assert fault.code == "EVIDENCE_ALTERED"

    def bent(event: DomainEvent) -> DomainEvent:
        if not isinstance(event, e.EvidenceGatheredV1):
            return event
        first = event.items[0].model_copy(update={"content": {**(event.items[0].content or {}), "name": "other"}})
        return event.model_copy(update={"items": [first, *event.items[1:]]})

    log = of_answer(rows(changed(bent)), CarriedBlobs())
    assert [fault.code for fault in rerun(log, judge, RULES)[0].faults] == ["EVIDENCE_ALTERED"]


def test_the_same_decisions_over_evidence_that_is_gone_are_said_to_be_so() -> None:
    same: dict[str, Any] = {"rounds": [{"differs": []}], "not_asked_again": [], "evidence_faults": []}
    assert word_of(same) == "[green]the same decisions[/green]"
    assert "but 1 missing or altered in the evidence" in word_of({**same, "evidence_faults": [{}]})
    assert "other decisions" in word_of({**same, "rounds": [{"differs": ["gate"]}], "evidence_faults": [{}]})


# Bad input


def _rewrite(told: list[dict[str, Any]]) -> None:
    told[3]["body"] = told[3]["body"].replace('"recorded_at":"2', '"recorded_at":"1', 1)


def _drop(told: list[dict[str, Any]]) -> None:
    del told[2]


def _empty(told: list[dict[str, Any]]) -> None:
    told.clear()


def _unhash(told: list[dict[str, Any]]) -> None:
    """A body is changed, and no hash is told from there on."""
    _rewrite(told)
    for row in told[3:]:
        row["hash"] = ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_rewrite, ":4 does not have its own hash"),
        (_drop, "belongs"),
        (_empty, "no events"),
        (_unhash, "without its hash"),
    ],
)
def test_a_log_that_was_changed_is_refused_with_its_place(
    tmp_path: Path, spoil: Callable[[list[dict[str, Any]]], None], said: str
) -> None:
    told = rows(events())
    spoil(told)
    path = tmp_path / "log.json"
    path.write_text(json.dumps(told))
    result = run("--from", path)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_what_was_never_judged_is_a_failure_and_no_success(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(rows(events()[:1])))
    assert run("--from", path).exit_code == 1


@pytest.mark.parametrize(
    "more", [("--reasoner", "oracle"), ("01JD9Z3K6Q8V7W2X4Y5Z6A7B8C",), ("--policy", "no-such-file.json")]
)
def test_bad_use_has_its_own_exit_code(file: Path, more: Sequence[str]) -> None:
    assert run("--from", file, *more).exit_code == 2


def test_without_incident_or_file_it_says_so() -> None:
    assert run().exit_code == 2


def doubting(*replies: Any) -> tuple[SecondReader, ScriptedModel]:
    model = ScriptedModel(list(replies))
    return SecondReader(ports(model)), model


def test_a_model_is_asked_about_each_judged_round_before_the_network_is_cut_and_heard_after() -> None:
    guards: list[bool] = []

    def answering(user: str, schema: dict[str, Any]) -> Any:
        try:
            socket.getaddrinfo("127.0.0.1", 1)
        except NetworkRefused:
            guards.append(True)
        else:
            guards.append(False)
        return reply(says(verdict="unclear"))

    reader, model = doubting(answering, answering, answering)
    rounds = rerun(of_answer(rows(events()), CarriedBlobs()), reader, RULES)
    diagnosed = [one for one in rounds if isinstance(one.verdict[1], e.DiagnosisReachedV1)]
    assert len(model.asked) == len(diagnosed) >= 1
    assert guards == [False] * len(model.asked)
    now = diagnosed[0].verdict[1]
    assert isinstance(now, e.DiagnosisReachedV1)
    assert (now.reasoner.name, now.reasoner.model, now.reasoner.tokens_in) == ("bedrock", "some.model-v1", 1000)
    assert told_in("i1", "bedrock", rounds)["cost_usd"]["rerun"] != "0"


def test_a_model_that_fails_leaves_the_rules_word_and_says_so() -> None:
    reader, _ = doubting(ModelDenied("no"))
    first = rerun(of_answer(rows(events()), CarriedBlobs()), reader, RULES)[0]
    then, now = first.verdict
    assert isinstance(then, e.DiagnosisReachedV1)
    assert isinstance(now, e.DiagnosisReachedV1)
    assert now.reasoner.fell_back == "access_denied: no"
    assert now.model_copy(update={"reasoner": then.reasoner}) == then


def test_why_no_model_was_heard_is_shown_where_nothing_else_differs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = doubting(*[ModelDenied("no")] * 9)
    monkeypatch.setattr("resilibot.local.commands.rerunning._reasoner", lambda *_: reader)
    result = run("--from", file, "--reasoner", "openai", "--model", "m")
    assert result.exit_code == 0, result.stderr
    then, now = (next(x for x in result.stdout.splitlines() if x.strip().startswith(y)) for y in ("then:", "now:"))
    assert "no model was heard: access_denied: no" in now
    assert "heard" not in then


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reasoner", "oracle"), "'oracle' is none of deterministic, bedrock, openai"),
        (("--model", "m"), "--model is for bedrock, openai"),
    ],
)
def test_a_reasoner_that_is_not_there_is_bad_use(file: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run("--from", file, *arguments)
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (2, True)


def test_settings_of_a_model_that_cannot_be_used_are_named_and_a_key_is_not_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESILIBOT_REASONER_URL", "ftp://secret@example.com")
    result = run("--from", file, "--reasoner", "openai", "--model", "m")
    assert result.exit_code == 2
    assert "reasoner_url" in result.stderr
    assert "secret" not in result.stderr
