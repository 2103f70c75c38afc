"""A storm through the whole product: every signal once, one incident per resource, one investigation each."""

from pathlib import Path

import pytest

from resilibot.local.home import HomePlan
from tests.bench import storm
from tests.support.house import living_in

pytestmark = pytest.mark.integration


def test_five_hundred_alarms_of_eight_resources_are_each_recorded_once(tmp_path: Path) -> None:
    with living_in(HomePlan(tmp_path, with_world=False), is_told=False) as house:
        figures = storm.burst(house, alarms=500, resources=8, within_s=180)
        assert figures["wrong"] == {}
        received = [e for e in storm.stored(house) if e["type"] == "SignalReceived.v1"]
        assert len(received) == 500
        assert sorted({e["data"]["occurrence"] for e in received}) == list(range(1, 64))
