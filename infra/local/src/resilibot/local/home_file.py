"""HomeFile: what everyone on this machine needs to know of a running home. Written by `up`, read by all others."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from resilibot.local.private_files import write_private

FILE = "home.json"
STUCK_S = 20.0  # behind HEAD for longer than this, a stream counts as stuck


class NoHome(Exception):
    """Nothing is running in that state folder."""

    code = "no_home"


class HomeGone(Exception):
    """It ran, and does not any more."""

    code = "home_gone"


class HomeFailed(Exception):
    """A part did not come up; the message names its log."""

    code = "home_failed"


class HomeBusy(Exception):
    """Another home runs in this state folder."""

    code = "home_busy"


class HomeFile(BaseModel):
    """Addresses and names of one running home; no secret stands in it (the operator's token is a file of its own)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Path
    pid: int
    emulator: str  # ministack or localstack
    endpoint: str  # the emulator
    ssm_endpoint: str | None = None  # the local managed hosts, when the drill's world runs
    world: str | None = None  # the world's control address
    api: str
    env: dict[str, str]  # environment of the workers
    queues: dict[str, str] = Field(default_factory=dict)  # URL by service name, and "intake"
    dead_letters: dict[str, str] = Field(default_factory=dict)
    topic_arn: str = ""
    alarm_topic_arn: str = ""
    checkpoint_key: str = ""  # fingerprint of the key that signs checkpoints
    visibility_s: int = 10
    relay_pause_s: float = 0.02
    relay_quiet_pause_s: float = 0.1
    sequencer_pause_s: float = 1.0
    tick_s: float = 0.5
    projection_linger_s: float = 0.4

    @property
    def run_dir(self) -> Path:
        return self.state_dir / "run"

    @property
    def token_file(self) -> Path:
        return self.state_dir / "operator.token"

    def check_running(self) -> None:
        """Raises HomeGone when the process that ran this home has ended, or another home runs there now."""
        try:
            is_running = HomeFile.read(self.state_dir).pid == self.pid and is_alive(self.pid)
        except NoHome:
            is_running = False
        if not is_running:
            raise HomeGone(f"the home in {self.state_dir} runs no more: process {self.pid} has ended")

    def write(self) -> None:
        write_private(self.state_dir / FILE, self.model_dump_json(indent=2))

    @classmethod
    def read(cls, state_dir: Path) -> "HomeFile":
        """Raises NoHome."""
        try:
            return cls.model_validate_json((state_dir / FILE).read_text())
        except FileNotFoundError:
            raise NoHome(f"no running home in {state_dir}: start one with 'resilibot up'") from None


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs, whosever it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
