"""Children: started again when they die, and gone when their parent is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resilibot.local.processes import Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(condition: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_killed_child_is_started_again_and_stop_ends_it(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, tmp_path, {})
    supervisor.start("sleeper", SLEEP)
    first = supervisor.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pid("sleeper") != first)
    second = supervisor.pid("sleeper")
    assert supervisor.restarts() == {"sleeper": 1}
    until(lambda: (tmp_path / "sleeper.pid").read_text() == str(second))
    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_children_that_die_while_others_are_started_are_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, tmp_path, {})
    for number in range(12):
        supervisor.start(f"short-{number}", [sys.executable, "-c", ""])
    until(lambda: all(supervisor.restarts().values()))
    supervisor.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's own")
def test_children_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from resilibot.local.processes import Supervisor\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "supervisor = Supervisor(folder, folder, {})\n"
        f"supervisor.start('sleeper', {SLEEP!r})\n"
        "print(supervisor.pid('sleeper'), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    until(lambda: not is_alive(child))
