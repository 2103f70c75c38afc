"""no_network: while it holds, nothing in this process opens a socket, looks a name up or starts a process.

By the interpreter's own audit events (PEP 578), which the C code raises before it acts: no library goes around it,
whatever it imported before. A pair of connected local sockets stays possible, since every event loop makes one; so does
writing to a connection that was open before. A hook cannot be taken out again, so it is put in once and asks a flag.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

REFUSED = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn")


class NetworkRefused(Exception):
    """Something tried to reach the world while only what is recorded may count."""

    code: ClassVar[str] = "network_refused"


class _Guard:
    """How often it is entered at the moment, by any thread."""

    def __init__(self) -> None:
        self.depth = 0
        self.refused = ""  # what was tried since nobody was in it
        self.is_installed = False
        self.lock = threading.Lock()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.depth and (event in REFUSED or (event.startswith("socket.") and not _is_local_pair(event, args))):
            self.refused = f"{event} {args[1:] if args else ''}"[:300]
            raise NetworkRefused(self.refused)


_GUARD = _Guard()


@contextmanager
def no_network() -> Iterator[None]:
    """Raises NetworkRefused out of whatever tries, in every thread, until it is left; then once more, if swallowed."""
    with _GUARD.lock:
        if not _GUARD.is_installed:
            sys.addaudithook(_GUARD.hook)
            _GUARD.is_installed = True
        _GUARD.refused = _GUARD.refused if _GUARD.depth else ""
        _GUARD.depth += 1
    try:
        yield
    finally:
        with _GUARD.lock:
            _GUARD.depth -= 1
    if _GUARD.refused:
        raise NetworkRefused(_GUARD.refused)


def _is_local_pair(event: str, args: tuple[Any, ...]) -> bool:
    """A local socket that exists: it reaches nobody until it connects or is bound, which are events of their own."""
    return event == "socket.__new__" and args[1] == socket.AF_UNIX
