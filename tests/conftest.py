"""Fixtures of the tests that need an emulator: started once, shared by all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resilibot.local.emulators import make_emulator
from resilibot.local.home import HomePlan
from tests.support.house import House, living_in


@pytest.fixture(scope="session")
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bare embedded emulator, for the stores and the bus."""
    emulator = make_emulator("ministack", tmp_path_factory.mktemp("ministack"))
    emulator.install()
    yield emulator.start()
    emulator.stop()


@pytest.fixture(scope="session")
def localstack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bare LocalStack, for the stores end to end."""
    emulator = make_emulator("localstack", tmp_path_factory.mktemp("localstack"))
    emulator.install()
    yield emulator.start()
    emulator.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A whole home on the embedded emulator, with the drill's world; one per test module."""
    state: Path = tmp_path_factory.mktemp("home")
    with living_in(HomePlan(state)) as house:
        yield house
