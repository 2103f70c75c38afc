"""LocalStack keeps checkpoints as AWS does: written once, deleted by nobody."""

from pathlib import Path

import pytest

from resilibot.local.aws import clients_at
from resilibot.local.emulators import make_emulator
from tests.support.object_lock import assert_checkpoints_are_kept

pytestmark = pytest.mark.e2e


def test_checkpoints_are_written_once_and_deleted_by_nobody(tmp_path: Path) -> None:
    emulator = make_emulator("localstack", tmp_path)
    emulator.install()
    try:
        with clients_at(emulator.start()) as client:
            assert_checkpoints_are_kept(client)
    finally:
        emulator.stop()
