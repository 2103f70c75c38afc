"""outward: evidence as it may leave the home: without the people in it, redacted once more, and what that costs. Pure.

Stored evidence is redacted when it is recorded, by the patterns of then; here those of this build look again. A sealed
name is unreadable once its person is forgotten, but a file that leaves the home needs none: names are taken out.
"""

import json
from typing import Any

from resilibot.contracts.canonical import content_hash
from resilibot.contracts.evidence import EvidenceGap, EvidenceItem
from resilibot.contracts.personal import ERASED, TOKEN
from resilibot.runtime.redact import Redactor


def outward(item: EvidenceItem) -> tuple[EvidenceItem, list[str]]:
    """The item, and what of it stays behind, one line each. Its hash is that of what goes along."""
    maker = str((item.content or {}).get("by") or "") if item.kind == "change" else ""
    summary = item.summary.replace(maker, ERASED) if maker else item.summary
    content, left = _content(item, maker)
    changes = {"summary": outward_text(summary)[:1000], "query": Redactor().value(_nameless(item.query))}
    if content != item.content and content is not None:
        changes["content_hash"] = content_hash(content)
    return item.model_copy(update={**changes, "content": content, "content_ref": None}), left


def outward_gap(gap: EvidenceGap) -> EvidenceGap:
    return gap.model_copy(update={"detail": outward_text(gap.detail)[:1000]})


def outward_text(text: str) -> str:
    return Redactor().text(TOKEN.sub(ERASED, text))


def _content(item: EvidenceItem, maker: str) -> tuple[dict[str, Any] | None, list[str]]:
    if item.content is None:
        return None, [f"{item.id}: its content lies elsewhere, where no reasoner reads it"]
    if not item.is_intact():
        return None, [f"{item.id}: its content is not the one that was recorded"]
    nameless = _nameless({**item.content, "by": ERASED} if maker else item.content)
    content: dict[str, Any] = Redactor().value(nameless)
    left = [f"{item.id}: who is named in it"] if nameless != item.content else []
    return content, left + ([f"{item.id}: what is redacted by now, and was not then"] if content != nameless else [])


def _nameless(value: dict[str, Any]) -> dict[str, Any]:
    """JSON data with every sealed name in it taken out."""
    text = json.dumps(value, ensure_ascii=False)
    return dict(json.loads(TOKEN.sub(ERASED, text))) if TOKEN.search(text) else value
