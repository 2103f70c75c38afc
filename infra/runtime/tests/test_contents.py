"""Evidence that lies in the blob store is audited with the events that refer to it."""

from collections import Counter
from dataclasses import replace

import pytest

from resilibot.contracts import events as e
from resilibot.runtime.audit.contents import Contents
from resilibot.runtime.audit.coverage import audit_covered
from resilibot.runtime.blobs import BlobMissing, BlobUnavailable, InMemoryBlobStore, checked
from resilibot.runtime.event_store.memory import InMemoryEventStore
from tests.support.event_store_contract import append_of
from tests.support.ledger import OWN, Ledger, make_ledger
from tests.support.story import INCIDENT_EVENTS


class Tampered(InMemoryBlobStore):
    """Somebody with access to the bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[str] = Counter()
        self.other: dict[str, bytes | None] = {}

    def get(self, ref: str) -> bytes:
        self.read[ref] += 1
        if ref in self.other:
            content = self.other[ref]
            if content is None:
                raise BlobMissing(ref)
            return checked(ref, content)
        return super().get(ref)


def written(blobs: Tampered) -> tuple[Ledger, str, int]:
    """A signed incident with a postmortem in the blob store: its reference, and the version that has it first."""
    ref = blobs.put(b"# Postmortem", media_type="text/markdown")
    store = InMemoryEventStore()
    told = [
        event.model_copy(update={"ref": ref}) if isinstance(event, e.PostmortemWrittenV1) else event
        for event in INCIDENT_EVENTS
    ]
    for one in told:
        store.append([append_of(store.load(OWN), [one])])
    version = next(n for n, one in enumerate(told, start=1) if isinstance(one, e.PostmortemWrittenV1))
    ledger = Ledger({head.stream: head for head in store.heads()}, {OWN: store.commits(OWN)}, blobs=blobs)
    ledger.sign()
    return ledger, ref, version


def others(ledger: Ledger, ref: str) -> list[tuple[str, int, str, str]]:
    faults = audit_covered(ledger, ledger.opened(), OWN, Contents(ledger.blobs)).audit.faults
    return [(f.stream, f.version, f.kind, f.detail) for f in faults if ref in f.detail]


@pytest.mark.parametrize(
    ("content", "why"), [(b"# Forged", "blob_altered"), (None, "blob_missing"), (b"", "blob_altered")]
)
def test_a_blob_that_is_gone_or_not_what_it_was_is_a_fault_at_the_event_that_refers_to_it(
    content: bytes | None, why: str
) -> None:
    blobs = Tampered()
    ledger, ref, version = written(blobs)
    assert others(ledger, ref) == []
    blobs.other[ref] = content
    assert others(ledger, ref) == [(OWN, version, "blob", f"{why}: {ref}")]
    assert audit_covered(ledger, ledger.opened(), OWN).ok, "no chain is broken by it"


def test_a_whole_store_with_its_blobs_is_sound() -> None:
    ledger = make_ledger(3)
    refs = audit_covered(ledger, ledger.opened(), OWN, Contents(ledger.blobs)).audit.faults
    assert refs == ()


def test_each_blob_is_read_once() -> None:
    blobs = Tampered()
    ledger, ref, _ = written(blobs)
    contents = Contents(blobs)
    for _ in range(2):
        audit_covered(ledger, ledger.opened(), OWN, contents)
    assert blobs.read[ref] == 1


def test_a_blob_store_that_does_not_answer_is_no_verdict() -> None:
    class Down(Tampered):
        def get(self, ref: str) -> bytes:
            raise BlobUnavailable("down")

    ledger, _, _ = written(Down())
    with pytest.raises(BlobUnavailable):
        audit_covered(ledger, ledger.opened(), OWN, Contents(ledger.blobs))


def test_a_body_nested_beyond_reading_is_a_fault_and_ends_no_audit_and_no_export() -> None:
    ledger = make_ledger(3)
    first, *rest = ledger.commits(OWN)
    ledger.raw_commits[OWN] = [replace(first, bodies=(b"[" * 100_000, *first.bodies[1:])), *rest]
    found = audit_covered(ledger, ledger.opened(), OWN, Contents(ledger.blobs)).audit.faults
    assert (OWN, 1, "unreadable") in [(f.stream, f.version, f.kind) for f in found]
    assert ledger.bundle().ends[OWN] == ledger.raw_heads[OWN].version
