"""What rebuilds are tried on: an emulator with a store and read models at their first version, and the command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resilibot.contracts.canonical import canonical
from resilibot.local.home_file import HomeFile
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.ports import Ports
from resilibot.projections.project import Projector
from resilibot.projections.rebuild import rebuilt
from resilibot.projections.tables import MODELS, definitions
from resilibot.runtime.bus.message import encode
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from tests.support.synthetic import next_append, stream_of


class Ground:
    """An emulator that holds a store and read models at their first version, and a state folder for the command."""

    def __init__(self, client: Callable[[str], Any], endpoint: str, folder: Path) -> None:
        self.dynamodb = client("dynamodb")
        for definition in [*Tables().definitions(), *definitions()]:
            self.dynamodb.create_table(**definition)
        self.store = DynamoEventStore(self.dynamodb, Tables())
        self.names = LiveNames(self.dynamodb, Tables().cursors, max_age_s=1.0)
        self.models = DynamoReadModels(self.dynamodb, self.names)
        self.projector = Projector(Ports(self.store, self.models))
        self.folder = folder
        HomeFile(
            state_dir=folder, pid=os.getpid(), emulator="ministack", endpoint=endpoint, api="http://127.0.0.1:1", env={}
        ).write()

    def publish(self, stream: str, after: int) -> None:
        events = self.store.load(stream, after=after).events
        records = [{"messageId": event.id, "body": encode(event), "attributes": {}} for event in events]
        assert self.projector.handle({"Records": records}) == {"batchItemFailures": []}

    def move(self, number: int) -> None:
        """One more event, appended and shown, as in real life."""
        stream = self.store.load(stream_of(number))
        self.store.append([next_append(stream, number)])
        self.publish(stream.id, stream.version)

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "resilibot.local.cli", *arguments]
        env = {**os.environ, "RESILIBOT_HOME": str(self.folder)}
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def assert_shown_is_stored(self) -> None:
        for head in self.store.heads():
            shown = {m: self.models.get(m, head.stream) for m in MODELS[head.stream.partition("#")[0]]}
            assert canonical(shown) == canonical(rebuilt(self.store, head.stream)), head.stream
