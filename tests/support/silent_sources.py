"""Sources of observe, other than metrics, that have nothing to say."""

from datetime import datetime

from resilibot.observe.ports import LogRead, Runbook, SourceFailed, StatusRead


class Nothing:
    name = "nothing"

    def read(self, group: str, start: datetime, end: datetime, limit: int) -> LogRead:
        raise SourceFailed("no_data", group)

    def status(self, service: str, unit: str) -> list[StatusRead]:
        return []

    def all(self) -> list[Runbook]:
        return []
