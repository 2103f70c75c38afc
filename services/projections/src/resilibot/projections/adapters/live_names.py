"""Which version of each read model is live: one small item that readers and the projector resolve.

The item is `readmodels` in the cursors table: {"live": {"incidents": 2, ...}}; a model that it lacks is at its first
version. It is read every MAX_AGE_S at most, so a switch is known everywhere that much later.
"""

import time
from collections.abc import Mapping
from typing import Any

from resilibot.projections.ports import ReadModelUnavailable
from resilibot.projections.tables import FIRST
from resilibot.runtime.published import LIVE

MAX_AGE_S = 5.0


class LiveNames:
    """Calling it gives versions by model. `client` is a boto3 DynamoDB client, `table` the cursors table."""

    def __init__(self, client: Any, table: str, max_age_s: float = MAX_AGE_S) -> None:
        self._client = client
        self._table = table
        self._max_age_s = max_age_s
        self._known: Mapping[str, int] = FIRST
        self._read_at = float("-inf")

    def __call__(self) -> Mapping[str, int]:
        """Raises ReadModelUnavailable."""
        if time.monotonic() - self._read_at > self._max_age_s:
            self._known = self.read()
            self._read_at = time.monotonic()
        return self._known

    def read(self) -> dict[str, int]:
        """As it stands now, past the cache. Raises ReadModelUnavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_item(TableName=self._table, Key={"name": {"S": LIVE}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise ReadModelUnavailable(f"{LIVE} in {self._table}: {error}") from error
        live = answer.get("Item", {}).get("live", {"M": {}})["M"]
        return {**FIRST, **{model: int(version["N"]) for model, version in live.items()}}
