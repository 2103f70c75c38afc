"""What a person on call sees of incidents, and how an approval is answered on the command line."""

from typing import Any

import pytest
from typer.testing import CliRunner

from resilibot.local import cli
from resilibot.local.commands import looking
from resilibot.projections.project import fold_view
from tests.support.story import INCIDENT, INCIDENT_EVENTS, recorded

LOG = recorded(f"incident#{INCIDENT}", INCIDENT_EVENTS)
WIDTH = 60
LONG = "no metric has both a healthy baseline and enough fresh points, and nothing else answered either"
ROW = {
    "incident_id": INCIDENT,
    "status": "OPEN",
    "severity": "HIGH",
    "opened_at": "2026-11-24T12:00:00.123456Z",
    "title": "orders-errors [red]\x1b",
    "service": "orders",
    "diagnosis": LONG,
    "escalated": True,
    "investigation": "free",
    "flapping": [],
}


class Api:
    """Answers with one case, and keeps what it was sent."""

    def __init__(self) -> None:
        pending = next(n for n, event in enumerate(LOG, 1) if event.envelope.type.startswith("ApprovalRequested"))
        self.case = fold_view(f"incident#{INCIDENT}", LOG[:pending]).states()["cases"]
        self.asked: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []

    def get(self, path: str, **params: Any) -> Any:
        entry = {"type": "IncidentOpened.v1", "at": "2026-11-24T12:00:00.123456Z", "sentence": "opened"}
        return {"entries": [entry]} if path.endswith("timeline") else self.case

    def incidents(self, limit: int, **params: Any) -> list[dict[str, Any]]:
        self.asked.append(params)
        return [ROW]

    def post(self, path: str, body: dict[str, Any], headers: Any = None) -> Any:
        self.sent.append(body)
        return {"incident_id": INCIDENT}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    for place in (cli, looking):
        monkeypatch.setattr(place, "api", lambda: api)
    return api


def run(*words: str, said: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, list(words), input=said)
    return result.exit_code, result.output


@pytest.mark.usefixtures("api")
def test_a_list_names_the_service_and_is_whole_at_any_width() -> None:
    _, output = run("incident", "list")
    assert output.splitlines() == [
        f"{INCIDENT}  OPEN              HIGH      2026-11-24 12:00:00 UTC  orders  escalated",
        f"    orders-errors [red]\\x1b ({LONG})",
    ]


def test_a_case_says_whose_it_is_and_since_when(api: Api) -> None:
    _, output = run("incident", "show", INCIDENT)
    service = api.case["resource"]["service"]
    opened = api.case["opened_at"][:19].replace("T", " ")
    assert f"\n  {service} from {api.case['source']}: opened {opened} UTC\n" in output


def test_what_an_approval_binds_is_shown_whole(api: Api) -> None:
    _, output = run("incident", "show", INCIDENT)
    (asked,) = (given["request"] for given in api.case["approvals"].values())
    assert asked["arguments_hash"] in output
    assert "'" not in output.partition("arguments")[2].partition("expected")[0], "JSON, as the API takes it"


@pytest.mark.usefixtures("api")
def test_a_timeline_says_the_day() -> None:
    assert "2026-11-24 12:00:00.123" in run("incident", "timeline", INCIDENT)[1]


@pytest.mark.parametrize("word", ["approve", "deny"])
def test_an_answer_is_given_when_it_is_meant(api: Api, word: str) -> None:
    for more, said in (([], ""), ([], "n\n"), (["--json"], "")):
        code, output = run(word, INCIDENT, *more, said=said)
        assert (code == 0, api.sent) == (False, []), output
    assert f"{word} exactly this?" in run(word, INCIDENT, said="y\n")[1]
    assert run(word, INCIDENT, "--yes")[0] == run(word, INCIDENT, "--yes", "--json")[0] == 0
    assert [body["decision"] for body in api.sent] == [word] * 3


def test_words_of_a_list_may_be_written_small(api: Api) -> None:
    assert run("incident", "list", "--status", "open")[0] == 0
    assert run("incident", "open", "slow", "--service", "orders", "--severity", "high")[0] == 0
    assert (api.asked[0]["status"], api.sent[0]["severity"]) == ("OPEN", "HIGH")


def test_help_is_there_by_its_short_name() -> None:
    assert run("-h")[0] == run("incident", "show", "-h")[0] == 0
