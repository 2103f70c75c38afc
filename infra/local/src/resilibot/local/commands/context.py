"""context: what every command shares: the state folder, JSON or text, and errors that end with the right exit code.

Exit codes: 0 done, 1 it failed, 2 bad use. Errors go to standard error, also as JSON when --json is given.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from resilibot.local.client import ApiClient, ApiError, ApiRefused
from resilibot.local.commands.text import safe
from resilibot.local.dead_letters import UnknownQueue
from resilibot.local.drill import DrillRefused, DrillTimedOut
from resilibot.local.emulators import EmulatorError
from resilibot.local.home_file import HomeBusy, HomeFailed, HomeFile, HomeGone, NoHome
from resilibot.local.world.client import WorldUnavailable
from resilibot.projections.ports import ReadModelError
from resilibot.runtime.audit.archive import ArchiveError
from resilibot.runtime.audit.bundle import BundleError
from resilibot.runtime.audit.checkpoints import CheckpointsError
from resilibot.runtime.blobs import BlobError
from resilibot.runtime.event_store.port import StoreError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

FAILED = 1
BAD_USE = 2


def state_dir() -> Path:
    """RESILIBOT_HOME, else .resilibot in the current folder."""
    return Path(os.environ.get("RESILIBOT_HOME", ".resilibot")).resolve()


def home() -> HomeFile:
    return HomeFile.read(state_dir())


def api() -> ApiClient:
    return ApiClient(home())


def fail(message: str, code: str, as_json: bool, exit_code: int = FAILED) -> typer.Exit:
    """Print the error and return the exception to raise."""
    if as_json:
        err.print_json(json.dumps({"error": {"code": code, "message": message}}))
    else:
        err.print(f"[red]error[/red] {safe(message)}")
    return typer.Exit(exit_code)


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Turn the known errors into messages and exit codes; anything else is a bug and shows its trace."""
    try:
        yield
    except ApiRefused as error:
        bad_use = error.status in (400, 404, 422)
        raise fail(str(error), error.code, as_json, BAD_USE if bad_use else FAILED) from error
    except (UnknownQueue, DrillRefused) as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    except (ApiError, NoHome, HomeBusy, HomeFailed, HomeGone, EmulatorError) as error:
        raise fail(str(error), error.code, as_json) from error
    except (DrillTimedOut, WorldUnavailable) as error:
        raise fail(str(error), error.code, as_json) from error
    except (CheckpointsError, BundleError, ArchiveError, StoreError, BlobError, ReadModelError) as error:
        raise fail(str(error), error.code, as_json) from error


def show(data: Any, as_json: bool, text: Callable[[], None]) -> None:
    """Print `data` as JSON, or call `text`."""
    if as_json:
        typer.echo(json.dumps(data, indent=2, default=str))
    else:
        text()


def clock_time(text: str, with_date: bool = False) -> str:
    """HH:MM:SS.mmm of a stored time, in UTC; after YYYY-MM-DD where it may be of another day."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S.%f" if with_date else "%H:%M:%S.%f")[:-3]


def date_time(text: str) -> str:
    """YYYY-MM-DD HH:MM:SS of a stored time, in UTC."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")
