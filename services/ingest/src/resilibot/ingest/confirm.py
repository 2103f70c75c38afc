"""confirm: a person says what it really was, during an incident or weeks after it. Pure."""

from typing import ClassVar

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase


class ConfirmRefused(Exception):
    """No verdict can be kept there; `status` is that of the answer."""

    code: ClassVar[str] = "confirm_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def confirm(case: IncidentCase, verdict: e.RootCauseConfirmedV1) -> list[e.RootCauseConfirmedV1]:
    """The verdict; nothing when the last one says the same and there are no new words. Raises ConfirmRefused.

    A comment cannot be compared, since it is stored sealed: with one, the verdict is written again.
    """
    if not case.exists:
        raise ConfirmRefused(404, f"no incident {case.incident_id}")
    if case.merged_into:
        raise ConfirmRefused(409, f"{case.incident_id} went on as {case.merged_into}: say it there")
    last = case.root_cause
    if last is not None and not verdict.comment and _told(last.confirmed) == _told(verdict):
        return []
    return [verdict]


def _told(verdict: e.RootCauseConfirmedV1) -> e.RootCauseConfirmedV1:
    return verdict.model_copy(update={"comment": ""})
