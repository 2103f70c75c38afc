"""Child processes that die with their parent, and a supervisor that starts a dead one again."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from resilibot.local.private_files import append_private

log = logging.getLogger(__name__)

STOP_S = 5.0
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")


def _die_with_parent() -> None:
    """In the child, before exec: Linux sends SIGTERM when the parent ends (elsewhere stop() alone must do)."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(argv: Sequence[str], log_file: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (a terminal's ^C reaches only us), output to `log_file`.

    Linux ends the child when the *thread* that started it ends, so one thread that lives as long as we do starts all.
    """
    return _SPAWNER.submit(_spawn, argv, log_file, env).result()


def _spawn(argv: Sequence[str], log_file: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with append_private(log_file) as out:
        return subprocess.Popen(  # noqa: S603  argv is ours
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def minimal_env() -> dict[str, str]:
    """What any child needs of our environment, and nothing of the user's AWS or Python settings."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "JAVA_HOME", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def stop(process: subprocess.Popen[bytes], within_s: float = STOP_S) -> None:
    """TERM, then KILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class _Child:
    argv: Sequence[str]
    process: subprocess.Popen[bytes]
    restarts: int = 0
    started_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps named children running: one that ends is started again after a pause that grows while it keeps dying."""

    def __init__(self, run_dir: Path, log_dir: Path, env: Mapping[str, str]) -> None:
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._env = env
        self._children: dict[str, _Child] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # who starts a child, and who says that none is started any more
        self._thread = threading.Thread(target=self._watch, daemon=True, name="supervisor")

    def start(self, name: str, argv: Sequence[str]) -> None:
        with self._lock:
            self._children[name] = _Child(argv, self._spawn(name, argv))
            if self._thread.ident is None:
                self._thread.start()

    def pid(self, name: str) -> int:
        return self._children[name].process.pid

    def restarts(self) -> dict[str, int]:
        return {name: child.restarts for name, child in self._children.items()}

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
        for child in self._children.values():
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_S
        for child in self._children.values():
            stop(child.process, max(0.1, deadline - time.monotonic()))

    def _spawn(self, name: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        (self._run_dir / f"{name}.ready").unlink(missing_ok=True)
        env = {"MALLOC_ARENA_MAX": "2", **os.environ, **self._env}  # glibc keeps 8 arenas a core, each with its garbage
        process = spawn(argv, self._log_dir / f"{name}.log", env)
        (self._run_dir / f"{name}.pid").write_text(str(process.pid))
        return process

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            with self._lock:
                if not self._stopping.is_set():
                    self._revive()

    def _revive(self) -> None:
        for name, child in self._children.items():
            if child.process.poll() is None:
                continue
            lived_s = time.monotonic() - child.started_at
            pause_s = 0.0 if lived_s > 10 else min(0.2 * child.restarts, 5.0)
            if lived_s < pause_s:
                continue
            log.warning("%s ended with %s, starting it again", name, child.process.returncode)
            child.restarts += 1
            child.started_at = time.monotonic()
            child.process = self._spawn(name, child.argv)
