"""Rules for every test: no socket at any level but integration and e2e; the tools folder is shared."""

import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("RESILIBOT_TOOLS", str(Path(__file__).parent / ".resilibot" / "tools"))
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "RESILIBOT_HOME"):
    os.environ.pop(name, None)


class SocketForbidden(Exception):
    """A unit test tried to open a connection."""


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests open no socket: one switch for all of them."""
    if any(request.node.get_closest_marker(level) for level in ("integration", "e2e")):
        return

    def refuse(self: socket.socket, address: Any) -> NoReturn:
        raise SocketForbidden(f"a unit test tried to connect to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


settings.register_profile("long", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
