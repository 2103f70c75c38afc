"""itemise: what the sources gave becomes redacted, numbered, hashed evidence items that fit into one event.

Every item and gap of every source passes here, so this is the one place where evidence is redacted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resilibot.contracts.canonical import canonical, content_hash
from resilibot.contracts.event import Value
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem, EvidenceKind, Window
from resilibot.observe.odd import storable, whole
from resilibot.runtime.blobs import BlobError, BlobStore
from resilibot.runtime.redact import Redactor

INLINE_BYTES = 64_000  # content of one item; what is larger goes into the blob store
ROOM_BYTES = 250_000  # all items and gaps of a round: an event is one DynamoDB item, of 400 KB at most
GAPS = 40  # gaps told one by one
SHOWN: tuple[EvidenceKind, ...] = (
    "metric",
    "log",
    "status",
    "change",
    "topology",
    "runbook",
    "similar_incident",
)


@dataclass
class Found:
    """What one source gave: contents, each with its query and summary, in a fixed order."""

    kind: EvidenceKind
    source: str
    contents: list[tuple[Value, dict[str, Any], str]] = field(default_factory=list)
    window: Window | None = None
    is_answer: bool = True  # False: nobody was asked, or nobody answered


def itemise(
    found: Sequence[Found],
    gaps: Sequence[EvidenceGap],
    round_number: int,
    blobs: BlobStore,
    redactor: Redactor | None = None,
) -> tuple[list[EvidenceItem], list[EvidenceGap]]:
    """Items numbered by kind, in the order of SHOWN, and all gaps, those that come up here included.

    Metrics are many, so they come last when it is decided what is kept inline, and what at all.
    """
    redactor = redactor or Redactor()
    items: list[EvidenceItem] = []
    told = [gap.model_copy(update={"detail": redactor.text(gap.detail)[:1000]}) for gap in gaps]
    room = ROOM_BYTES - sum(_size(gap) for gap in told[:GAPS])
    for one in sorted(found, key=lambda f: (f.kind == "metric", SHOWN.index(f.kind), f.source)):
        left_out = 0
        for number, (value, query, summary) in enumerate(one.contents, start=_next_number(items, one.kind)):
            item = _item(f"r{round_number}.{one.kind}.{number - left_out}", one, value, query, summary, redactor)
            size = _size(item)
            if size > room or (size > INLINE_BYTES and len(canonical(item.content)) > INLINE_BYTES):
                item, gap = _elsewhere(item, blobs)
                told += [gap] if gap else []
                size = _size(item)
            if size > room:
                left_out += 1
                continue
            room -= size
            items.append(item)
        if left_out:
            detail = f"{left_out} of {len(one.contents)} observations are left out: they do not fit into one event"
            told.append(EvidenceGap(kind=one.kind, source=one.source, reason="not_supported", detail=detail))
    return sorted(items, key=lambda item: SHOWN.index(item.kind)), _summed_up(told)


def _item(
    identifier: str, found: Found, value: Value, query: dict[str, Any], summary: str, redactor: Redactor
) -> EvidenceItem:
    content = redactor.value(storable(value.model_dump(mode="json")))
    return EvidenceItem(
        id=identifier,
        kind=found.kind,
        summary=redactor.text(whole(summary))[:1000],
        source=found.source,
        query=redactor.value(storable(query)),
        window=found.window,
        content=content,
        content_hash=content_hash(content),
    )


def _elsewhere(item: EvidenceItem, blobs: BlobStore) -> tuple[EvidenceItem, EvidenceGap | None]:
    """The item with its content in the blob store; without content, and a gap, when that fails."""
    ref, gap = None, None
    try:
        ref = blobs.put(canonical(item.content), media_type="application/json")
    except BlobError as error:
        detail = f"the content of {item.id} is too large and could not be stored: {error}"[:1000]
        gap = EvidenceGap(kind=item.kind, source=item.source, reason="error", detail=detail)
    return item.model_copy(update={"content": None, "content_ref": ref}), gap


def _summed_up(gaps: Sequence[EvidenceGap]) -> list[EvidenceGap]:
    """At most GAPS gaps, and one per kind that counts the others."""
    told, others = list(gaps[:GAPS]), gaps[GAPS:]
    for (kind, reason), number in sorted(Counter((gap.kind, gap.reason) for gap in others).items()):
        source = next(gap.source for gap in others if gap.kind == kind)
        told.append(EvidenceGap(kind=kind, source=source, reason=reason, detail=f"{number} more gaps like these"))
    return told


def _next_number(items: Sequence[EvidenceItem], kind: EvidenceKind) -> int:
    return sum(item.kind == kind for item in items) + 1


def _size(value: Value) -> int:
    return len(canonical(value.model_dump(mode="json")))
