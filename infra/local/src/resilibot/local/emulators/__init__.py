"""Emulators of AWS on this machine: ministack (embedded default) and LocalStack (end-to-end tests)."""

from pathlib import Path
from typing import Literal

from resilibot.local.emulators.port import Emulator, EmulatorError, EmulatorFailed, EmulatorUnavailable

__all__ = ["Emulator", "EmulatorError", "EmulatorFailed", "EmulatorUnavailable", "make_emulator"]


def make_emulator(name: Literal["ministack", "localstack"], state_dir: Path, port: int | None = None) -> Emulator:
    """The emulator by its name; it writes into `state_dir` only."""
    if name == "ministack":
        from resilibot.local.emulators.ministack import Ministack

        return Ministack(state_dir, port)
    from resilibot.local.emulators.localstack import LocalStack

    return LocalStack(state_dir, port)
