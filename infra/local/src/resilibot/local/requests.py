"""Counts of AWS requests made by this process, as sent: every HTTP send counts, retries too; empty polls apart.

Written to a small JSON file that the benchmark reads:
{"calls": {"dynamodb.Query": 12}, "idle": {"sqs.ReceiveMessage": 40}}.
"""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

# A poll that brought nothing is idleness, not work for an incident. Response fields that show it:
POLLS = {
    "sqs.ReceiveMessage": "Messages",
    "dynamodb-streams.GetRecords": "Records",
    "dynamodb.Query:timers": "Items",
}


class RequestCounter:
    """Hooks into the default botocore session, so that every client made afterwards is counted."""

    def __init__(self, path: Path, timers_table: str = "resilibot-timers") -> None:
        self._path = path
        self._timers_table = timers_table
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._idle: Counter[str] = Counter()
        self._local = threading.local()

    def install(self) -> None:
        import boto3
        import botocore.session

        session: Any = botocore.session.get_session()
        session.register("provide-client-params", self._starting)
        session.register("before-send", self._sending)
        session.register("after-call", self._answered)
        boto3.setup_default_session(botocore_session=session)
        threading.Thread(target=self._flush_forever, daemon=True, name="request-counter").start()

    def _starting(self, params: dict[str, Any], **_: Any) -> None:
        self._local.sends = 0
        self._local.table = params.get("TableName")

    def _sending(self, event_name: str, **_: Any) -> None:
        name = event_name.split(".", 1)[1]
        self._local.sends = getattr(self._local, "sends", 0) + 1
        with self._lock:
            self._sent[name] += 1

    def _answered(self, event_name: str, parsed: dict[str, Any], **_: Any) -> None:
        name = event_name.split(".", 1)[1]
        is_timers = name == "dynamodb.Query" and getattr(self._local, "table", None) == self._timers_table
        field = POLLS.get(f"{name}:timers" if is_timers else name)
        if field and not parsed.get(field):
            sends = getattr(self._local, "sends", 1)
            with self._lock:
                self._sent[name] -= sends
                self._idle[name] += sends

    def _flush_forever(self) -> None:
        written = ""
        while True:
            time.sleep(0.25)
            with self._lock:
                text = json.dumps({"calls": dict(self._sent), "idle": dict(self._idle)}, sort_keys=True)
            if text != written:
                self._path.with_suffix(".tmp").write_text(text)
                self._path.with_suffix(".tmp").replace(self._path)  # a reader never finds half of it
                written = text
