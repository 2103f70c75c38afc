"""A rebuild on the embedded emulator: concurrent live events, kill -9 in the middle, resumed, equal to the byte."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resilibot.local.aws import clients_at
from resilibot.local.emulators import Emulator, make_emulator
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.dynamodb_rebuild import DynamoRebuild
from resilibot.projections.ports import Job, ReadModelBehind
from resilibot.projections.tables import table_name
from resilibot.runtime.event_store.tables import Tables
from tests.support.rebuild_ground import Ground
from tests.support.synthetic import append_synthetic, stream_of

pytestmark = [pytest.mark.integration, pytest.mark.feature(142), pytest.mark.feature(208)]
INCIDENTS = 240
EVENTS = 12


@contextmanager
def _stopped_at_the_end(emulator: Emulator) -> Iterator[None]:
    try:
        yield
    finally:
        emulator.stop()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """An emulator of its own: the command knows the tables by their real names."""
    emulator = make_emulator("ministack", tmp_path_factory.mktemp("ministack"))
    emulator.install()
    with _stopped_at_the_end(emulator), clients_at(emulator.start()) as client:
        ground = Ground(client, client("dynamodb").meta.endpoint_url, tmp_path_factory.mktemp("rebuild"))
        for number in range(INCIDENTS):
            ground.publish(append_synthetic(ground.store, number, EVENTS), 0)
        yield ground


def test_a_killed_rebuild_resumes_while_events_flow_and_equals_the_store(ground: Ground) -> None:
    stopping, moved = threading.Event(), []

    def live() -> None:
        number = 0
        while not stopping.is_set():
            number = (number + 37) % INCIDENTS
            ground.move(number)
            moved.append(number)
            time.sleep(0.02)

    flowing = threading.Thread(target=live)
    flowing.start()
    try:
        killed = ground.command("rebuild", "--segments", "2", "--json")
        assert killed.stderr is not None
        for line in killed.stderr:
            if json.loads(line)["streams"] >= 100:
                killed.send_signal(signal.SIGKILL)
                break
        killed.communicate()
        assert ground.names.read()["incidents"] == 1, "nothing was switched"
        resumed = ground.command("rebuild", "--segments", "2", "--json")
        printed, complaints = resumed.communicate(timeout=120)
    finally:
        stopping.set()
        flowing.join()
    assert resumed.returncode == 0, complaints
    report = json.loads(printed)
    assert report["resumed"]
    assert 0 < report["folded_now"] <= INCIDENTS - 100
    assert report["streams"] == INCIDENTS
    assert len(moved) > 20, "events flowed meanwhile"
    assert set(ground.names.read().values()) == {2}
    time.sleep(1.1)  # the age of this reader's names
    ground.assert_shown_is_stored()


def test_the_list_is_found_in_the_new_tables_and_the_old_ones_can_be_dropped(ground: Ground) -> None:
    rows, cursor = ground.models.newest_incidents(10, None)
    assert [row["incident_id"] for row in rows] == [stream_of(INCIDENTS - 1 - n).partition("#")[2] for n in range(10)]
    assert cursor is not None
    command = ground.command("rebuild", "--drop-old", "--json")
    printed, complaints = command.communicate(timeout=60)
    assert command.returncode == 0, complaints
    assert sorted(json.loads(printed)["dropped"]) == sorted(table_name(m, 1) for m in ground.names.read())
    ground.assert_shown_is_stored()


def test_names_are_switched_once_and_a_rebuild_can_be_given_up(ground: Ground) -> None:
    tables = DynamoRebuild(ground.dynamodb, Tables().cursors)
    live = tables.live()
    job = Job({"cases": live["cases"] + 1}, 1)
    tables.begin(job)
    assert tables.job() == job
    tables.switch(job)
    with pytest.raises(ReadModelBehind):
        tables.switch(job)
    assert tables.live() == {**live, **job.targets}
    tables.end(job)
    second = Job({"cases": live["cases"] + 2}, 1)
    tables.begin(second)
    assert tables.abandon() == second
    assert tables.job() is None
    names = ground.dynamodb.list_tables()["TableNames"]
    assert table_name("cases", live["cases"] + 2) not in names
    assert table_name("cases", live["cases"] + 1) in names, "that one is live"


def test_a_save_never_goes_back(ground: Ground) -> None:
    stream = stream_of(5)
    models = DynamoReadModels(ground.dynamodb, lambda: {"timelines": ground.names.read()["timelines"]})
    version = models.version(stream)
    with pytest.raises(ReadModelBehind):
        models.save(stream, {"timelines": []}, version - 1)
    assert models.version(stream) == version
    assert models.versions([stream, "incident#unknown", "watch#x"]) == {stream: version, "incident#unknown": 0}
