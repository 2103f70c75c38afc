"""installing: an emulator's own Python environment, made once, remade when its lock changes."""

import fcntl
import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from resilibot.local.emulators.port import EmulatorUnavailable, find_uv


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait for other processes that install into the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_current(folder: Path, *inputs: Path) -> bool:
    stamp = folder / ".stamp"
    return stamp.exists() and stamp.read_text() == _digest(inputs)


def mark_current(folder: Path, *inputs: Path) -> None:
    (folder / ".stamp").write_text(_digest(inputs))


def make_environment(folder: Path, python: str, requirements: Sequence[str]) -> None:
    """A virtual environment with exactly what `requirements` (arguments of uv pip install) say."""
    uv = find_uv()
    run([uv, "venv", "--quiet", "--clear", "--python", python, str(folder)])
    run([uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *requirements])


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run, return standard output. Raises EmulatorUnavailable with the command and its last words."""
    try:
        done = subprocess.run(list(command), cwd=cwd, capture_output=True, text=True, check=True)  # noqa: S603  ours
    except FileNotFoundError as error:
        raise EmulatorUnavailable(f"{command[0]} is missing") from error
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout or "").strip()[-1500:]
        raise EmulatorUnavailable(f"{' '.join(command[:6])} ... failed: {words}") from error
    return done.stdout


def _digest(inputs: Sequence[Path]) -> str:
    return hashlib.sha256(b"\x00".join(path.read_bytes() for path in inputs)).hexdigest()
