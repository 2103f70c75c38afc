"""What `resilibot up` writes down is its owner's alone, whatever stood there before."""

import os
import stat
import sys
from pathlib import Path

import pytest

from resilibot.local.home import fresh
from resilibot.local.home_file import HomeFile
from resilibot.local.private_files import write_private
from resilibot.local.processes import spawn, stop


@pytest.fixture(autouse=True)
def generous() -> object:
    """A shell in which others may read what is made."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_with_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "new.token", "t0ken")
    assert (mode(tmp_path / "new.token"), (tmp_path / "new.token").read_text()) == (0o600, "t0ken")


def test_one_that_others_could_read_is_so_no_more(tmp_path: Path) -> None:
    """Nor by who has it open: it is another file by then."""
    path = tmp_path / "operator.token"
    path.write_text("old")
    path.chmod(0o644)
    with path.open() as held:
        write_private(path, "t0ken")
        assert held.read() == "old"
    assert (mode(path), path.read_text()) == (0o600, "t0ken")


def test_nobody_is_led_elsewhere_by_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "public.txt"
    elsewhere.write_text("x")
    (tmp_path / "operator.token").symlink_to(elsewhere)
    write_private(tmp_path / "operator.token", "t0ken")
    assert elsewhere.read_text() == "x"
    assert (tmp_path / "operator.token").read_text() == "t0ken"


def test_the_homes_file_and_folders_are_closed_to_others(tmp_path: Path) -> None:
    """Logs, the emulator's files (with what senders sent as it came) and the environment of the workers."""
    fresh(tmp_path / "state")
    for name in ("run", "logs", "world", "emulator"):
        assert mode(tmp_path / "state" / name) == 0o700, name
    home = HomeFile(
        state_dir=tmp_path / "state", pid=1, emulator="ministack", endpoint="http://127.0.0.1:1", api="x", env={}
    )
    home.write()
    assert mode(tmp_path / "state" / "home.json") == 0o600
    assert HomeFile.read(tmp_path / "state") == home


def test_the_log_of_a_child_is_closed_to_others(tmp_path: Path) -> None:
    child = spawn([sys.executable, "-c", "print('x')"], tmp_path / "logs" / "a.log", dict(os.environ))
    child.wait(20)
    stop(child)
    assert mode(tmp_path / "logs" / "a.log") == 0o600
