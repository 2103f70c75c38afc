"""The postmortem: every sentence names its events, and nothing stands in it that they do not hold."""

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.notify.postmortem import PostmortemRefused, check, escape, write
from resilibot.runtime.personal import InMemorySubjectKeys, Personal
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

LOG = recorded(f"incident#{INCIDENT}", INCIDENT_EVENTS)


@pytest.mark.feature(37)
def test_the_same_log_gives_the_same_bytes() -> None:
    assert write(INCIDENT, LOG) == write(INCIDENT, list(LOG))


@pytest.mark.feature(217)
def test_every_sentence_names_events_of_this_log() -> None:
    text = write(INCIDENT, LOG)
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(lines) > 20
    check(text, LOG)


@pytest.mark.feature(217)
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("- All is well.", "no event is named"),
        ("- All is well. [01JD9Z3K6QE00000000000999X]", "no event is named|unknown event"),
        (f"- It cost 7 million. [{LOG[0].id}]", "7 stands in none"),
        (f"- Confidence was 0.42. [{LOG[5].id}]", "0.42 stands in none"),
    ],
)
def test_a_sentence_that_the_log_does_not_bear_out_is_refused(line: str, why: str) -> None:
    with pytest.raises(PostmortemRefused, match=why):
        check(line, LOG)


@pytest.mark.feature(129)
def test_the_cause_is_that_of_the_first_sure_look_though_another_came_before() -> None:
    reached = next(event for event in INCIDENT_EVENTS if isinstance(event, e.DiagnosisReachedV1))
    unsure = reached.model_copy(update={"outcome": "inconclusive", "hypotheses": [], "summary": "too early to say"})
    at = INCIDENT_EVENTS.index(reached)
    told = write(INCIDENT, recorded(f"incident#{INCIDENT}", [*INCIDENT_EVENTS[:at], unsure, *INCIDENT_EVENTS[at:]]))
    cause = told.partition("## Cause")[2].partition("## What was done")[0]
    assert reached.outcome == "conclusive"
    assert escape(reached.summary) in cause
    assert "too early" not in cause
    assert "Find out why the cause could arise" in told


def test_each_moment_is_told_with_its_date() -> None:
    told = write(INCIDENT, LOG)
    day = f"{LOG[0].envelope.recorded_at:%Y-%m-%d}"
    assert f"- Opened at {day} " in told
    assert f"- {day} " in told.partition("## Timeline")[2]


def test_an_action_is_only_told_when_the_log_holds_it() -> None:
    without = [event for event in INCIDENT_EVENTS if "Action" not in type(event).__name__]
    text = write(INCIDENT, recorded(f"incident#{INCIDENT}", without))
    assert "Started ssm" not in text
    assert "reports success" not in text


def test_text_from_outside_cannot_become_markup() -> None:
    hostile = "<script>alert(1)</script> [click](javascript:x) `rm` | **bold**\nnew line"
    opened = INCIDENT_EVENTS[0].model_copy(update={"title": hostile})
    text = write(INCIDENT, recorded(f"incident#{INCIDENT}", [opened, *INCIDENT_EVENTS[1:]]))
    assert "<script>" not in text
    assert "[click](" not in text
    assert "\nnew line" not in text


def test_a_very_long_text_is_cut_between_words() -> None:
    long = e.IncidentClosedV1(why="person", comment="1234567 " * 240)
    text = write(INCIDENT, recorded(f"incident#{INCIDENT}", [INCIDENT_EVENTS[0], long]))
    assert max(len(line) for line in text.splitlines()) < 600


@pytest.mark.parametrize("length", range(1, len(LOG) + 1))
def test_any_beginning_of_the_log_can_be_told(length: int) -> None:
    events: list[RecordedEvent] = LOG[:length]
    assert write(INCIDENT, events).startswith("# Postmortem")


@pytest.mark.feature(214)
def test_names_stay_sealed_in_it_and_long_words_are_not_cut_in_the_middle() -> None:
    personal = Personal(InMemorySubjectKeys())
    kim = personal.person("kim@example.org")
    words = "we agreed on 3 hosts; " * 60
    granted = next(event for event in INCIDENT_EVENTS if isinstance(event, e.ApprovalGrantedV1))
    sealed = granted.model_copy(update={"approver": kim.identity, "comment": kim.seal(words)})
    text = write(INCIDENT, recorded(f"incident#{INCIDENT}", [INCIDENT_EVENTS[0], sealed]))
    assert "kim@example.org" not in text
    assert f"Approved by kim@example.org: {words}" in personal.reveal(text)
    personal.forget("kim@example.org")
    assert "Approved by [erased]: [erased]" in personal.reveal(text)


@pytest.mark.feature(214)
def test_what_a_person_wrote_is_no_markup_when_it_is_revealed() -> None:
    personal = Personal(InMemorySubjectKeys())
    words = personal.person("kim@example.org").seal("[click](javascript:x) <b>\n# heading")
    closed = e.IncidentClosedV1(why="person", comment=words)
    text = write(INCIDENT, recorded(f"incident#{INCIDENT}", [INCIDENT_EVENTS[0], closed]))
    shown = personal.reveal(text, escape)
    assert "\\[click\\](javascript:x) \\<b\\>" in shown
    assert "\n# heading" not in shown
