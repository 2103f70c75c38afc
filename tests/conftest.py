"""Fixtures of the tests that need an emulator: started once, shared by all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resilibot.local.emulators import make_emulator
from resilibot.local.home import Home, HomePlan
from tests.support.house import House
from tests.support.receiver import SECRET, Receiver, receiving


@pytest.fixture(scope="session")
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bare embedded emulator, for the stores and the bus."""
    emulator = make_emulator("ministack", tmp_path_factory.mktemp("ministack"))
    emulator.install()
    yield emulator.start()
    emulator.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A whole home on the embedded emulator, with the drill's world; one per test module."""
    state: Path = tmp_path_factory.mktemp("home")
    with receiving() as receiver, Home(HomePlan(state, settings=settings_for(receiver))) as file:
        yield House(file, receiver)


def settings_for(receiver: Receiver) -> dict[str, str]:
    """Short pauses, so that one drill can follow another, and a webhook that is told everything."""
    return {
        "RESILIBOT_COOLDOWN_S": "1",
        "RESILIBOT_QUIET_PERIOD_S": "2",
        "RESILIBOT_WEBHOOK_URL": receiver.url,
        "RESILIBOT_WEBHOOK_SECRET": SECRET,
        "RESILIBOT_WEBHOOK_ALLOW_LOOPBACK": "true",
    }
