"""The project's own runbooks and queries, by the same call as `make eval`; and what the command does with bad input."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resilibot.local.cli import app
from resilibot.local.retrieve_eval import BadInput, read_corpus, read_qrels, read_queries, score
from resilibot.observe.runbook_library import Ranking

SAMPLES = Path(__file__).parents[1] / "samples" / "runbooks"
BOOKS, QUERIES, QRELS = SAMPLES / "books", SAMPLES / "queries.jsonl", SAMPLES / "qrels.tsv"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("RESILIBOT_TOOLS", str(tmp_path_factory.getbasetemp() / "tools"))


def retrieve(corpus: Path, queries: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["eval", "retrieve", "--corpus", str(corpus), "--queries", str(queries), *more])


@pytest.mark.feature(20)
def test_the_own_runbooks_are_found(tmp_path: Path) -> None:
    out = tmp_path / "run.tsv"
    result = retrieve(BOOKS, QUERIES, "--qrels", str(QRELS), "--at-least", "0.80", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "by words and meaning" in result.output
    rows = [line.split(" ") for line in out.read_text().splitlines()]
    assert {len(row) for row in rows} == {6}
    assert [row[3] for row in rows[:10]] == [str(number) for number in range(1, 11)]


def test_the_figures_are_told_as_json_and_the_run_goes_to_its_file(tmp_path: Path) -> None:
    out = tmp_path / "run.tsv"
    result = retrieve(BOOKS, QUERIES, "--qrels", str(QRELS), "--words-alone", "--json", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told["score"] == {"queries": 20, "r1": 0.85, "r3": 0.9, "mrr10": pytest.approx(0.875, abs=1e-3)}
    assert (told["queries"], told["fitting"], told["unreadable"]) == (20, 19, [])
    assert told["manner"] == {"by words alone: no encoder is set up": 20}
    assert out.read_text() == retrieve(BOOKS, QUERIES, "--words-alone").stdout
    assert "score" in json.loads(retrieve(BOOKS, QUERIES, "--words-alone", "--json").stdout)
    low = retrieve(BOOKS, QUERIES, "--qrels", str(QRELS), "--words-alone", "--json", "--at-least", "1")
    assert (low.exit_code, json.loads(low.stdout)["score"]["r1"]) == (1, 0.85)
    assert json.loads(low.stderr)["error"]["code"] == "score_too_low"


def test_a_limit_without_qrels_to_hold_against_is_bad_use() -> None:
    assert retrieve(BOOKS, QUERIES, "--at-least", "0.5", "--words-alone").exit_code == 2


def test_a_score_below_the_stated_one_is_a_failure() -> None:
    result = retrieve(BOOKS, QUERIES, "--qrels", str(QRELS), "--at-least", "1", "--words-alone")
    assert result.exit_code == 1
    assert "is below 1.000" in result.output


def test_two_runs_are_equal_byte_for_byte_also_when_nothing_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for tools in ("cold", "other", "other"):
        monkeypatch.setenv("RESILIBOT_TOOLS", str(tmp_path / tools))
        assert retrieve(BOOKS, QUERIES, "--out", str(tmp_path / "run.tsv")).exit_code == 0
        runs.append((tmp_path / "run.tsv").read_bytes())
    assert runs[0] == runs[1] == runs[2] != b""


@pytest.mark.parametrize("manner", [(), ("--words-alone",)])
def test_what_no_runbook_fits_is_left_out_when_asked(manner: tuple[str, ...], tmp_path: Path) -> None:
    out = str(tmp_path / "run.tsv")
    result = retrieve(BOOKS, SAMPLES / "unrelated.jsonl", "--abstain", "--out", out, *manner)
    assert result.exit_code == 0
    assert Path(out).read_text() == ""
    assert "a runbook fits 0" in result.output


def test_json_lines_and_a_folder_are_the_same_corpus(tmp_path: Path) -> None:
    lines = [{"id": r.key.split(".")[0], "path": r.key, "text": r.text} for r in read_corpus(BOOKS)]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    assert retrieve(corpus, QUERIES, "--words-alone", "--out", str(one)).exit_code == 0
    assert retrieve(BOOKS, QUERIES, "--words-alone", "--out", str(other)).exit_code == 0
    assert one.read_text() == re.sub(r"\.(md|json|ya?ml)\b", "", other.read_text())


def test_no_query_and_no_runbook_are_failures_and_no_score(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for corpus, queries in ((BOOKS, empty), (empty, QUERIES), (tmp_path, QUERIES)):
        result = retrieve(corpus, queries)
        assert result.exit_code == 1
        assert "nothing was evaluated" in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", ":1: no JSON"),
        ("[" * 100_000, ":1: no JSON"),
        ("[1]", ":1: not a JSON object"),
        ('{"id": "a"}', "text is missing"),
        ('{"id": "a b", "text": ""}', "has a space"),
        ('{"id": "", "text": ""}', "is empty"),
        ('\n{"id": "a", "text": ""}\n{"id": 1, "text": ""}', ":3: id is missing"),
        ('{"id": "a", "text": ""}\n{"id": "a", "text": ""}', "more than once"),
    ],
)
def test_bad_input_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(text)
    for corpus, queries in ((BOOKS, bad), (bad, QUERIES)):
        result = retrieve(corpus, queries, "--words-alone")
        assert result.exit_code == 2
        assert said in result.output.replace("\n", "")


def test_half_a_character_is_no_crash(tmp_path: Path) -> None:
    queries, out = tmp_path / "q.jsonl", tmp_path / "run.tsv"
    queries.write_text(r'{"id": "a\ud800", "text": "disk \udfff full"}')
    assert retrieve(BOOKS, queries, "--out", str(out)).exit_code == 0
    assert out.read_text().startswith("a? Q0 disk-full.yaml 1 ")


def test_a_path_that_is_not_there_is_bad_use(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert retrieve(gone, QUERIES).exit_code == 2
    assert retrieve(BOOKS, gone).exit_code == 2
    assert retrieve(BOOKS, QUERIES, "--qrels", str(gone)).exit_code == 2
    assert retrieve(BOOKS, QUERIES, "--words-alone", "--out", str(gone / "run.tsv")).exit_code == 2


def test_the_score_counts_what_is_not_answered_as_a_miss() -> None:
    scored = score({"a": Ranking([], "", [])}, {"a": {"x"}, "b": {"y"}, "c": set()})
    assert (scored.queries, scored.r1, scored.r3, scored.mrr10) == (2, 0, 0, 0)


def test_qrels_are_four_columns(tmp_path: Path) -> None:
    (tmp_path / "q").write_text("a 0 x 1\na 0 y\n")
    with pytest.raises(BadInput, match=":2: "):
        read_qrels(tmp_path / "q")


def test_every_query_has_a_runbook_that_exists() -> None:
    relevant, keys = read_qrels(QRELS), {runbook.key for runbook in read_corpus(BOOKS)}
    assert set(relevant) == {query.id for query in read_queries(QUERIES)}
    assert all(runbooks <= keys for runbooks in relevant.values())
