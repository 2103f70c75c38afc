"""A home that cannot start says why, and soon."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilibot.local import home
from resilibot.local.home import TRIES, Home, HomePlan, last_words
from resilibot.local.home_file import HomeFailed

LOG = """{"level": "INFO", "message": "starting"}
Traceback (most recent call last):
  File "settings.py", line 1, in <module>
pydantic_core._pydantic_core.ValidationError: 1 validation error for ObserveSettings
runbook_index
  Value error, RESILIBOT_RUNBOOK_INDEX is s3vectors:BUCKET/INDEX [type=value_error]
    For further information visit https://errors.pydantic.dev/2.12/v/value_error

"""


def test_the_last_words_of_a_process_are_its_error_and_no_advertisement(tmp_path: Path) -> None:
    log = tmp_path / "observe.log"
    log.write_text(LOG)
    said = last_words(log)
    assert said.endswith("runbook_index: RESILIBOT_RUNBOOK_INDEX is s3vectors:BUCKET/INDEX [type=value_error]")
    log.write_text("")
    assert last_words(log) == "it says nothing"


@pytest.mark.parametrize(
    ("restarts", "starting", "is_given_up"),
    [
        ({"observe": TRIES}, {"observe"}, True),
        ({"observe": TRIES - 1}, {"observe"}, False),
        ({"observe": TRIES}, {"reason"}, False),
    ],
)
def test_what_keeps_ending_before_it_is_ready_is_given_up(
    restarts: dict[str, int], starting: set[str], is_given_up: bool, tmp_path: Path
) -> None:
    (tmp_path / "observe.log").write_text(LOG)
    starts = Home(HomePlan(tmp_path))
    supervisor: Any = SimpleNamespace(restarts=lambda: restarts)
    starts._supervisor = supervisor
    if not is_given_up:
        starts._give_up_on(starting, tmp_path)
        return
    with pytest.raises(HomeFailed, match=r"observe does not start: .*RESILIBOT_RUNBOOK_INDEX is"):
        starts._give_up_on(starting, tmp_path)


@pytest.mark.parametrize("name", ["observe", "api", "world"])
def test_waiting_for_a_home_ends_with_what_keeps_ending_and_not_with_its_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "READY_S", 0.2)
    monkeypatch.setattr(home, "_answers", lambda url: False)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / f"{name}.log").write_text(LOG)
    starting = Home(HomePlan(tmp_path))
    supervisor: Any = SimpleNamespace(restarts=lambda: {name: TRIES})
    starting._supervisor = supervisor
    file: Any = SimpleNamespace(api="", world="", run_dir=tmp_path, state_dir=tmp_path)
    with pytest.raises(HomeFailed, match=f"{name} does not start: .*RESILIBOT_RUNBOOK_INDEX is"):
        starting._await_ready(file)
