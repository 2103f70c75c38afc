"""The rounds of the watches have a loop where watches are declared, and none where not: no timer, no request."""

from pathlib import Path

import pytest

from resilibot.local import worker
from resilibot.observe import handler
from resilibot.observe.watches import WatchesInvalid


@pytest.fixture(autouse=True)
def _fresh() -> None:
    handler._round.cache_clear()


def test_no_file_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESILIBOT_WATCH_FILE", raising=False)
    assert worker._watching() == []
    assert handler.watch_handler({}, None) == {"written": 0}  # nor does a schedule ask anything: sockets are closed


def test_a_file_has_one_loop_at_its_pace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "watches.toml"
    file.write_text("[[watches]]\nid = 'w'\n")
    monkeypatch.setenv("RESILIBOT_WATCH_FILE", str(file))
    monkeypatch.setenv("RESILIBOT_WATCH_EVERY_S", "7")
    ((step, pause_s),) = worker._watching()
    assert pause_s == 7
    with pytest.raises(WatchesInvalid, match="watch w: Unable to extract tag"):
        step()
