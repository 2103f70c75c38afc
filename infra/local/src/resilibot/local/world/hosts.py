"""hosts: managed hosts in folders, each with an init that runs the checkout unit as a real process.

The journal of a host is its own count of what was done to it: one line per start, with the cause.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resilibot.local.ports import free_port
from resilibot.local.processes import minimal_env, spawn

SERVICE = "checkout"
UNIT = f"{SERVICE}.service"
RELEASES = ("1.4.1", "1.5.0")
HEALTHY_RELEASE, BAD_RELEASE = RELEASES
STOP_S = 0.5
INSTANCE_IDS = ("i-0a1b2c3d4e5f60001", "i-0a1b2c3d4e5f60002")


class UnknownUnit(Exception):
    code = "unknown_unit"


@dataclass(frozen=True)
class Started:
    """One line of a host's journal."""

    at: str
    event: str
    pid: int
    release: str
    cause: str


class Host:
    """One managed host. Thread-safe."""

    def __init__(self, root: Path, instance_id: str) -> None:
        self.instance_id = instance_id
        self.root = root / instance_id
        self.port = free_port()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._install()
        self._start("start", "boot")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def release(self) -> str:
        return os.readlink(self._home / "current").rpartition("/")[2]

    @property
    def log(self) -> Path:
        return self.root / "log" / "checkout.log"

    @property
    def _home(self) -> Path:
        return self.root / "opt" / SERVICE

    def restart(self, unit: str, cause: str) -> None:
        """Stop (TERM, then KILL) and start with the current release. Raises UnknownUnit."""
        if unit != UNIT:
            raise UnknownUnit(unit)
        with self._lock:
            self._stop()
            self._start("restart", cause)

    def deploy(self, release: str, cause: str) -> None:
        with self._lock:
            link = self._home / "current.new"
            link.unlink(missing_ok=True)
            link.symlink_to(f"releases/{release}")
            link.replace(self._home / "current")
            self._stop()
            self._start("deploy", cause)

    def wedge(self) -> None:
        """Deadlock the process."""
        os.kill(self.pid, signal.SIGUSR1)

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def journal(self) -> list[Started]:
        path = self.root / "journal.jsonl"
        return [Started(**json.loads(line)) for line in path.read_text().splitlines()]

    def _install(self) -> None:
        for name in ("run", "log"):
            (self.root / name).mkdir(parents=True)
        shutil.copytree(Path(__file__).with_name("releases"), self._home / "releases")
        (self._home / "current").symlink_to(f"releases/{HEALTHY_RELEASE}")
        (self._home / "health-url").write_text(f"{self.url}/health\n")

    def _start(self, event: str, cause: str) -> None:
        command = [sys.executable, "-m", "resilibot.local.world.patient", str(self.root), str(self.port)]
        self._process = spawn(command, self.log, minimal_env())
        (self.root / "run" / f"{UNIT}.pid").write_text(str(self.pid))
        line = Started(datetime.now(UTC).isoformat(), event, self.pid, self.release, cause)
        with (self.root / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps(line.__dict__) + "\n")
        self._await_port()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_port(self) -> None:
        """Like Type=notify: a restart has happened when the new process serves."""
        import socket

        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return


def make_hosts(state: Path, instance_ids: Sequence[str] = INSTANCE_IDS) -> list[Host]:
    return [Host(state / "hosts", instance_id) for instance_id in instance_ids]
