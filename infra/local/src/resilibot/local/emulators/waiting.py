"""waiting: until a child answers over HTTP, or is gone, or the time is up."""

import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from resilibot.local.emulators.port import EmulatorFailed

LOG_CHARS = 3000


def await_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path, within_s: float) -> None:
    """Raises EmulatorFailed with the end of the log."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmulatorFailed(f"it ended with {process.returncode}:\n{_tail(log)}")
        try:
            with urlopen(url, timeout=2):  # noqa: S310  a loopback address of ours
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise EmulatorFailed(f"{url} did not answer within {within_s:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-LOG_CHARS:] if log.exists() else "(no log)"
