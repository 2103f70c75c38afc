"""contents: is what events refer to still there, and still what it was? Evidence and postmortems in the blob store.

The chain holds the references, and each ends in the hash of what it refers to. So an altered blob breaks no chain, and
an audit that reads chains alone would call an incident sound whose evidence was exchanged.
"""

import json
from collections.abc import Sequence
from typing import Any

from resilibot.runtime.audit import verify_bundle
from resilibot.runtime.blobs import BlobAltered, BlobMissing, BlobStore
from resilibot.runtime.event_store.verify import Commit, Fault


class Contents:
    """Reads each blob once, however many events of however many streams refer to it."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._found: dict[str, str | None] = {}

    def faults(self, stream: str, commits: Sequence[Commit]) -> list[Fault]:
        """One for each reference that leads nowhere or elsewhere, at the first version that has it.

        Raises BlobUnavailable.
        """
        first: dict[str, int] = {}
        for commit in commits:
            for version, body in enumerate(commit.bodies, start=commit.version):
                for ref in verify_bundle.blobs(_read(body)):
                    first.setdefault(ref, version)
        wrong = ((version, ref, self._fault(ref)) for ref, version in first.items())
        return [Fault(stream, version, "blob", f"{why}: {ref}") for version, ref, why in wrong if why]

    def _fault(self, ref: str) -> str | None:
        if ref not in self._found:
            try:
                self._blobs.get(ref)
                self._found[ref] = None
            except (BlobMissing, BlobAltered) as error:
                self._found[ref] = error.code
        return self._found[ref]


def _read(body: bytes) -> Any:
    """None for what is no JSON: the chain's own audit tells of that."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
