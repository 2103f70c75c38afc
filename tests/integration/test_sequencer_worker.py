"""The sequencer as a worker of a home: what was appended while it was dead has its position soon after."""

from collections.abc import Iterator

import pytest

from resilibot.local.home import HomePlan
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.global_log import GlobalLog
from resilibot.runtime.event_store.port import Stream
from tests.support.event_store_contract import append_of
from tests.support.house import House, living_in, until
from tests.support.story import TARGET_EVENTS

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def quiet_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Without the drill's world: nothing happens but what the test does."""
    with living_in(HomePlan(tmp_path_factory.mktemp("home"), with_world=False)) as house:
        yield house


def test_a_killed_sequencer_catches_up(quiet_house: House) -> None:
    store = DynamoEventStore(quiet_house.client("dynamodb"))
    log = GlobalLog(quiet_house.client("dynamodb"))
    policies = 2  # the door's and the gate's, recorded when they first serve
    store.append([append_of(Stream("target#host/a"), TARGET_EVENTS)])
    until(lambda: log.last() == policies + 2, 30, "the positions of the first events")

    killed = quiet_house.kill("sequencer")
    store.append([append_of(store.load("target#host/a"), TARGET_EVENTS)])
    store.append([append_of(Stream("target#host/b"), TARGET_EVENTS[:1])])
    assert log.last() == policies + 2, "nobody sequences while the only sequencer is dead"

    until(lambda: log.last() == policies + 5, 20, "the positions of what was appended meanwhile")
    assert quiet_house.pid("sequencer") != killed
    placed = [(one.position, one.event.stream, one.event.version) for one in log.read()]
    assert [position for position, _, _ in placed] == list(range(1, policies + 6))
    assert [version for _, stream, version in placed if stream == "target#host/a"] == [1, 2, 3, 4]
    assert [version for _, stream, version in placed if stream == "target#host/b"] == [1]
