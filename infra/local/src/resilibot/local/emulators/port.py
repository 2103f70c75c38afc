"""The emulators' port.

EmulatorError
├── EmulatorUnavailable  it cannot be had on this machine; the message says what is missing and how to get it
└── EmulatorFailed       it was started and did not come up; the message ends with its log
"""

import os
import shutil
import sys
from pathlib import Path
from typing import ClassVar, Protocol


class EmulatorError(Exception):
    code: ClassVar[str] = "emulator_error"


class EmulatorUnavailable(EmulatorError):
    code = "emulator_unavailable"


class EmulatorFailed(EmulatorError):
    code = "emulator_failed"


class Emulator(Protocol):
    """An AWS emulator in a child process, on loopback, empty at each start."""

    name: str

    def install(self) -> None:
        """Fetch what is missing. Raises EmulatorUnavailable."""
        ...

    def start(self) -> str:
        """Start and return the endpoint URL once it answers. Raises EmulatorFailed."""
        ...

    def stop(self) -> None: ...


def tools_dir() -> Path:
    """Where emulators are installed: RESILIBOT_TOOLS, else .resilibot/tools; shared by all homes."""
    return Path(os.environ.get("RESILIBOT_TOOLS", ".resilibot/tools")).resolve()


def find_uv() -> str:
    """uv: from the environment variable UV, the PATH, the project's .tools, or beside this Python.

    Raises EmulatorUnavailable.
    """
    candidates = [os.environ.get("UV"), shutil.which("uv"), ".tools/bin/uv", str(Path(sys.prefix) / "bin" / "uv")]
    for candidate in candidates:
        if candidate and shutil.which(candidate):
            return str(Path(shutil.which(candidate) or candidate).resolve())
    raise EmulatorUnavailable("uv is missing: run through make (it fetches uv from PyPI), or 'pip install uv'")
