"""Earlier incidents, from the read model that projections publish."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from resilibot.observe.ports import SourceFailed
from resilibot.runtime.published import PublishedIncidents, PublishedUnavailable


class EarlierIncidents:
    name = "incidents"

    def __init__(self, published: PublishedIncidents) -> None:
        self._published = published

    def before(self, moment: datetime, limit: int) -> Sequence[dict[str, Any]]:
        try:
            return self._published.before(moment, limit)
        except PublishedUnavailable as error:
            raise SourceFailed("no_permission" if error.is_denied else "error", str(error)[:1000]) from error
