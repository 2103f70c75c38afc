"""batch: an SQS batch as Lambda delivers it, answered with the partial-batch response.

This is the consumers' one boundary: whatever a record raises is logged with its place and fails that record alone;
the queue redelivers it, then buries it. Nothing is half-written, because nothing was appended.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Batch = Mapping[str, Any]  # {"Records": [{"messageId", "body"}]}
Response = dict[str, list[dict[str, Any]]]  # {"batchItemFailures": [{"itemIdentifier", "delaySeconds"?}]}


def handle_each(batch: Batch, handle: Callable[[str], None]) -> Response:
    """handle(body) for each record by itself, in order.

    A failing record does not hold back those after it, also of its message group: what is handled folds the stream
    from the store, so nobody needs the queue's order, and a poisonous message must not bury its neighbours.
    """
    return _response(
        [r["messageId"] for r in batch["Records"] if not _done(partial(handle, r["body"]), r["messageId"])]
    )


def handle_by_key(
    batch: Batch, read: Callable[[str], tuple[str, Item]], handle: Callable[[str, list[Item]], object]
) -> Response:
    """read(body) gives key and item; handle(key, items) is called once per key, with its items in order.

    What cannot be read fails by itself; what cannot be handled fails with all of its key.
    """
    return handle_grouped(batch, lambda record: [read(record["body"])], handle)


def handle_grouped(
    batch: Batch,
    read: Callable[[Mapping[str, Any]], Iterable[tuple[str, Item]]],
    handle: Callable[[str, list[Item]], object],
) -> Response:
    """Like handle_by_key, where one record may hold several items, or none.

    A reader may yield what it could read and then raise: that is handled, and the record fails all the same, so that
    the queue keeps it. What cannot be handled fails with all records of its key.
    """
    failed: dict[str, None] = {}
    groups: dict[str, list[tuple[str, Item]]] = {}

    def collect(record: Mapping[str, Any]) -> None:
        for key, item in read(record):
            groups.setdefault(key, []).append((record["messageId"], item))

    for record in batch["Records"]:
        if not _done(partial(collect, record), record["messageId"]):
            failed[record["messageId"]] = None
    for key, items in groups.items():
        if not _done(partial(handle, key, [item for _, item in items]), key):
            failed |= dict.fromkeys(message_id for message_id, _ in items)
    return _response(list(failed))


def held_back(response: Response, waits_s: Mapping[str, float]) -> Response:
    """The response with messages that are to come back after so many seconds, whatever their number of receives.

    `delaySeconds` is for who feeds the handler. debt: the event source mapping of AWS does not know it, so there the
    handler's wrapper has to change the visibility itself; without that a message comes back at the queue's own pace.
    """
    later = [{"itemIdentifier": name, "delaySeconds": math.ceil(wait_s)} for name, wait_s in waits_s.items()]
    return {"batchItemFailures": [*response["batchItemFailures"], *later]}


def _done(call: Callable[[], object], place: str) -> bool:
    try:
        call()
    except Exception as error:  # boundary 1 of 3 (style): an unknown error fails this record, never the worker
        code = getattr(error, "code", None)
        extra = {"code": code or "unexpected", "place": place}
        log.error("message not handled: %s", error, extra=extra, exc_info=None if code else error)
        return False
    return True


def _response(failed: list[str]) -> Response:
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
