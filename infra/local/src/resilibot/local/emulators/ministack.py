"""ministack: the embedded emulator: starts in a second, needs neither Docker nor Java. The default."""

import subprocess
import sys
from pathlib import Path

from resilibot.local.emulators.installing import is_current, make_environment, mark_current, only_one
from resilibot.local.emulators.port import tools_dir
from resilibot.local.emulators.waiting import await_healthy
from resilibot.local.ports import free_port
from resilibot.local.processes import minimal_env, spawn, stop

LOCK = Path(__file__).with_name("ministack.lock")
START_S = 30.0


class Ministack:
    """In an environment of its own, since it pins botocore."""

    name = "ministack"

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        self._state = state_dir
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _environment(self) -> Path:
        return tools_dir() / "ministack"

    def install(self) -> None:
        with only_one(tools_dir()):
            if not is_current(self._environment, LOCK):
                make_environment(self._environment, sys.executable, ["--require-hashes", "-r", str(LOCK)])
                mark_current(self._environment, LOCK)

    def start(self) -> str:
        (self._state / "tmp").mkdir(parents=True, exist_ok=True)
        env = {
            **minimal_env(),
            "BIND_HOST": "127.0.0.1",  # it binds every interface otherwise
            "GATEWAY_PORT": str(self._port),
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "0",  # stream records do not survive a restart, so nothing shall
            "STATE_DIR": str(self._state / "aws"),
            "S3_DATA_DIR": str(self._state / "s3"),
            "TMPDIR": str(self._state / "tmp"),
        }
        log = self._state / "ministack.log"
        self._process = spawn([str(self._environment / "bin" / "ministack")], log, env)
        endpoint = f"http://127.0.0.1:{self._port}"
        await_healthy(f"{endpoint}/_ministack/health", self._process, log, START_S)
        return endpoint

    def stop(self) -> None:
        if self._process:
            stop(self._process)
