"""itemise: what the sources gave becomes numbered, hashed evidence items that fit into one event."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resilibot.contracts.canonical import canonical, content_hash
from resilibot.contracts.event import Value
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem, EvidenceKind, Window
from resilibot.runtime.blobs import BlobError, BlobStore

INLINE_BYTES = 64_000  # of one item; a larger content goes into the blob store
INLINE_TOTAL = 200_000  # of all items of a round: an event is one DynamoDB item of 400 KB at most
SHOWN: tuple[EvidenceKind, ...] = ("metric", "log", "status", "change", "runbook")


@dataclass
class Found:
    """What one source gave: contents, each with its query and summary, in a fixed order."""

    kind: EvidenceKind
    source: str
    contents: list[tuple[Value, dict[str, Any], str]] = field(default_factory=list)
    window: Window | None = None


def itemise(
    found: Sequence[Found], round_number: int, blobs: BlobStore
) -> tuple[list[EvidenceItem], list[EvidenceGap]]:
    """Items numbered by kind, in the order of SHOWN; and a gap for each content that could be kept nowhere.

    Metrics are many, so they come last when it is decided what is kept inline.
    """
    items: list[EvidenceItem] = []
    gaps: list[EvidenceGap] = []
    numbers: dict[str, int] = {}
    room = INLINE_TOTAL
    for one in sorted(found, key=lambda f: (f.kind == "metric", SHOWN.index(f.kind), f.source)):
        for value, query, summary in one.contents:
            numbers[one.kind] = numbers.get(one.kind, 0) + 1
            identifier = f"r{round_number}.{one.kind}.{numbers[one.kind]}"
            content = value.model_dump(mode="json")
            raw = canonical(content)
            is_inline = len(raw) <= min(INLINE_BYTES, room)
            ref = None
            if is_inline:
                room -= len(raw)
            else:
                try:
                    ref = blobs.put(raw, media_type="application/json")
                except BlobError as error:
                    detail = f"the content of {identifier} is too large and could not be stored: {error}"
                    gaps.append(EvidenceGap(kind=one.kind, source=one.source, reason="error", detail=detail[:1000]))
            items.append(
                EvidenceItem(
                    id=identifier,
                    kind=one.kind,
                    summary=summary[:1000],
                    source=one.source,
                    query=query,
                    window=one.window,
                    content=content if is_inline else None,
                    content_ref=ref,
                    content_hash=content_hash(content),
                )
            )
    return sorted(items, key=lambda item: SHOWN.index(item.kind)), gaps
