"""Evidence holds no secret, whatever source gave it; equal values stay comparable within the incident."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.evidence import EvidenceGap, LogContent, StatusContent
from resilibot.observe.itemise import INLINE_BYTES, Found, itemise
from resilibot.observe.patterns import template
from resilibot.observe.ports import LogLine, LogRead, Runbook, SourceFailed
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.redact import Redactor
from resilibot.runtime.secret_forms import TAG
from services.observe.tests.test_gather import FakeWorld, looking
from tests.support.act_world import opened

KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"
SECRET = "zq7Kp0-hunter2"
LINES = (f"ERROR upload with {KEY_ID} failed", f"ERROR login password={SECRET} refused", "ERROR order 17 failed")


@dataclass
class TalkativeLogs:
    lines: tuple[str, ...]
    name: str = "logs"

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        at = end - timedelta(seconds=1)
        return LogRead(tuple(LogLine(at, "i-1", line) for line in self.lines), False, {"nextToken": "page2"})


def look(world: FakeWorld, lines: tuple[str, ...] = LINES, asked: list[str] | None = None) -> e.EvidenceGatheredV1:
    def redactor(scope: str) -> Redactor:
        def key() -> bytes:
            if asked is not None:
                asked.append(scope)
            return scope.encode()

        return Redactor(key)

    told = looking(world)
    told.ports = replace(told.ports, logs=TalkativeLogs(lines), redactor=redactor)
    (gathered,) = told.when(opened()).events
    assert isinstance(gathered, e.EvidenceGatheredV1)
    return gathered


def stored(gathered: e.EvidenceGatheredV1) -> str:
    return json.dumps(gathered.model_dump(mode="json"))


@pytest.mark.feature(124)
def test_no_source_brings_a_secret_into_the_log() -> None:
    world = FakeWorld(detail=f'{{"DB_PASSWORD": "{SECRET}"}}', query={"Authorization": f"Bearer {SECRET}"})
    world.runbooks = [Runbook(f"runbooks/{KEY_ID}.md", "v1", f"# Orders failures\n\ntoken={SECRET}", {"Key": "k"})]
    world.failing = {"changes": SourceFailed("error", f"GetParameterHistory: {KEY_ID} is not allowed")}
    gathered = look(world)
    assert {item.kind for item in gathered.items} == {"metric", "log", "status", "runbook"}
    assert KEY_ID not in stored(gathered)
    assert SECRET not in stored(gathered)
    assert all(item.is_intact() for item in gathered.items)
    (gap,) = [gap for gap in gathered.gaps if gap.kind == "change"]
    assert TAG.search(gap.detail)


def test_equal_values_have_equal_tags_in_all_evidence_of_an_incident_by_one_key() -> None:
    asked: list[str] = []
    gathered = look(FakeWorld(detail=f"uses {KEY_ID}"), asked=asked)
    tags = {match[0] for match in TAG.finditer(stored(gathered)) if match[1] == "aws-key"}
    assert len(tags - {"[aws-key]"}) == 1  # that one is in a template, where lines of other keys are the same
    assert asked == [opened().fingerprint]


def test_clean_evidence_asks_for_no_key() -> None:
    asked: list[str] = []
    look(FakeWorld(), lines=("ERROR order 17 failed: KeyError",), asked=asked)
    assert asked == []


def test_the_same_look_made_again_has_the_same_hashes() -> None:
    first, again = look(FakeWorld()), look(FakeWorld())
    assert [item.content_hash for item in first.items] == [item.content_hash for item in again.items]


def test_lines_that_differ_in_what_was_redacted_are_one_pattern() -> None:
    lines = tuple(f"ERROR login with password=pw{n}x{n} refused" for n in range(5))
    (log,) = [item for item in look(FakeWorld(), lines).items if item.kind == "log"]
    (pattern,) = LogContent.model_validate(log.content).patterns
    assert (pattern.count, pattern.template) == (5, "ERROR login with password=[password] refused")
    assert TAG.search(pattern.sample)


def test_templates_of_lines_without_secrets_are_as_they_were() -> None:
    line = "ERROR key [order:ab12] of 10.0.0.1:80 at 2026-11-24T12:00:00Z took 5 ms"
    assert template(line) == "ERROR key [order:ab1<n>] of <address> at <time> took <n> ms"


def test_content_in_the_blob_store_is_redacted_too() -> None:
    blobs = InMemoryBlobStore()
    told = {"text": f"password={SECRET} " + "x" * INLINE_BYTES}
    status = StatusContent(component="i-1", kind="unit", state="active", responds=True, detail=told)
    (item,), _ = itemise([Found("status", "ssm", [(status, {}, "up")])], [], 1, blobs)
    assert item.content_ref is not None
    assert SECRET.encode() not in blobs.get(item.content_ref)


def test_a_summary_holds_no_secret() -> None:
    status = StatusContent(component="i-1", kind="unit", state="active", responds=True, detail={})
    (item,), _ = itemise([Found("status", "ssm", [(status, {}, f"up with {KEY_ID}")])], [], 1, InMemoryBlobStore())
    assert item.summary == "up with [aws-key]"


def test_without_a_redactor_of_its_own_evidence_is_redacted_all_the_same() -> None:
    gap = EvidenceGap(kind="log", source="logs", reason="error", detail=f"token={SECRET}")
    _, (told,) = itemise([], [gap], 1, InMemoryBlobStore())
    assert told.detail == "token=[token]"


def test_a_detail_that_grows_by_its_tags_still_fits() -> None:
    gap = EvidenceGap(kind="log", source="logs", reason="error", detail="pwd=a " * 166)
    _, (told,) = itemise([], [gap], 1, InMemoryBlobStore())
    assert EvidenceGap.model_validate(told.model_dump()) == told


def test_metrics_keep_the_names_they_are_asked_by() -> None:
    gathered, bare = look(FakeWorld()), look(FakeWorld(), lines=("ERROR order 17 failed",))
    metrics = [[item.content for item in one.items if item.kind == "metric"] for one in (gathered, bare)]
    assert metrics[0] == metrics[1]
    assert {content["namespace"] for content in metrics[0] if content} == {"Web"}
