"""reader: ask a model to read one question, once, within budget and time; or say why it was not read."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resilibot.projections.ask import Question, Vocabulary
from resilibot.projections.ports import Reader
from resilibot.projections.reading import Unread, asked, is_left_open, read_answer, services_shown
from resilibot.runtime.models.port import STOPS, ModelFailed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """`read_by`: the model, if it read. `fell_back`: why it did not though it was wanted, as `code: detail`."""

    question: Question
    read_by: str | None = None
    fell_back: str | None = None


def read(
    reader: Reader | None,
    text: str,
    question: Question,
    rows: Sequence[Mapping[str, Any]],
    known: Vocabulary,
    now: datetime,
) -> Reading:
    """The question as it is answered. Fails never: without a model's reading it is the rules'."""
    if reader is None or not is_left_open(question, text):
        return Reading(question)
    model = reader.settings.ask_model
    try:
        return Reading(_read(reader, text, question, rows, known, now), read_by=model)
    except Unread as unread:
        log.warning("the rules read alone", extra={"code": unread.code, "detail": unread.detail, "model": model})
        return Reading(question, fell_back=f"{unread.code}: {unread.detail}")


def _read(
    reader: Reader,
    text: str,
    question: Question,
    rows: Sequence[Mapping[str, Any]],
    known: Vocabulary,
    now: datetime,
) -> Question:
    """Raises Unread."""
    s = reader.settings
    if not s.ask_model:
        raise Unread("not_configured", "no model id")
    if not reader.take():
        raise Unread("budget_used_up", f"{s.ask_per_hour} questions were read in the last hour")
    request = asked(text, now, services_shown(rows), reader.nonce())
    try:
        told = reader.model.ask(request.system, request.user, request.schema, s.ask_call_s)
    except ModelFailed as failed:
        raise Unread(failed.code, failed.detail) from failed
    log.info(
        "a model was asked to read a question",
        extra={"model": s.ask_model, "tokens_in": told.tokens_in, "tokens_out": told.tokens_out},
    )
    if not told.ended:
        raise Unread(STOPS.get(told.stop, "not_ended"), f"the answer stopped with {told.stop}")
    return read_answer(told.text, request, question, text, known)
