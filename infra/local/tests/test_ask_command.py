"""resilibot ask: the answer on a terminal: what was understood, the text as data, what it rests on."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from resilibot.local.cli import app
from resilibot.local.commands import asking

pytestmark = pytest.mark.feature(72)
REPLY = {
    "question": "why?",
    "found": "answered",
    "kind": "why",
    "understood": "why; not understood: [red]\x1b[2J",
    "text": "A [bold]title[/bold] \x1b]0;owned\x07 \u202e",
    "citations": [
        {"incident_id": "B", "version": 4, "event_id": "e4", "evidence_id": None},
        {"incident_id": "A", "version": 3, "event_id": "e3", "evidence_id": "r1.log.1"},
        {"incident_id": "A", "version": 2, "event_id": "e2", "evidence_id": None},
        {"incident_id": "[b]C\x1b", "version": 1, "event_id": "e1", "evidence_id": None},
    ],
    "bound": "only the newest 500 [of] \x1b",
    "read_by": None,
    "fell_back": None,
}


class Api:
    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = reply
        self.asked: list[Any] = []

    def get(self, path: str, **params: Any) -> Any:
        self.asked.append((path, params))
        return self.reply


def run(monkeypatch: pytest.MonkeyPatch, reply: dict[str, Any], *arguments: str) -> tuple[int, str]:
    api = Api(reply)
    monkeypatch.setattr(asking, "api", lambda: api)
    result = CliRunner().invoke(app, ["ask", "why did it fail?", *arguments])
    assert api.asked == [("/ask", {"q": "why did it fail?"})]
    return result.exit_code, result.output


def test_text_from_outside_is_shown_as_data_with_what_it_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(monkeypatch, REPLY)
    assert code == 0
    assert "[bold]title[/bold] \\x1b]0;owned\\x07 \\u202e" in output
    assert not {"\x1b", "\x07", "\u202e"} & set(output)
    assert "rests on A: v2, v3 r1.log.1\nrests on B: v4\n" in output
    assert "note only the newest 500 [of] \\x1b" in output
    assert "rests on [b]C\\x1b: v1" in output
    assert "understood as: why" in output
    assert "model" not in output


def test_the_reply_is_told_as_it_came_where_a_program_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(monkeypatch, REPLY, "--json")
    assert (code, json.loads(output)) == (0, REPLY)


def test_what_is_not_understood_is_bad_use_and_what_is_not_in_the_record_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(monkeypatch, {**REPLY, "found": "not_understood"})[0] == 2
    assert run(monkeypatch, {**REPLY, "found": "not_in_record"}, "--json")[0] == 0


def test_who_read_the_question_is_said_and_why_a_model_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(monkeypatch, {**REPLY, "read_by": "m[b]\x1b"})[1]
    assert "read by model m[b]\\x1b as: why" in output
    assert "understood as" not in output
    output = run(monkeypatch, {**REPLY, "fell_back": "timed_out: [no] answer\x1b"})[1]
    assert "note no model read it: timed_out: [no] answer\\x1b" in output
