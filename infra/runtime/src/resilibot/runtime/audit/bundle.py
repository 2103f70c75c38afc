"""bundle: all that proves one incident's log in one file, to verify offline (verify_bundle.py). Same store, same bytes.

BundleError
├── NotCheckpointed   no checkpoint covers the incident yet: take one first   (retryable)
└── BundleRefused     a bundle that does not verify, or is not one            (never retry)

A tar file (ustar, no times, no owners): manifest.json with the sha256 of every other file; streams/NNNN.json with the
raw commits of the incident's stream and of those it is tied to (its signal's, its targets'); checkpoints/N.json, each
signed statement with proofs that lead from ends of these streams to its root; blobs/HASH; verify.py and README.txt.
Each stream ends where the newest checkpoint saw it end, so that nothing in a bundle is unproven. The other streams'
names and hashes are not in it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from resilibot.contracts.canonical import ALGORITHM, canonical
from resilibot.contracts.envelope import stream_id
from resilibot.runtime.audit import merkle, verify_bundle
from resilibot.runtime.audit.checkpoint import Checkpoint
from resilibot.runtime.blobs import BlobAltered, BlobMissing, BlobStore
from resilibot.runtime.event_store.verify import AuditedStore, Commit

README = """One incident's log, with what proves it.

    python3 verify.py BUNDLE --key FINGERPRINT

FINGERPRINT is the sha256 of the key that signs checkpoints; ask whoever runs this ResiliBot for it, do not take it from
this bundle. Take verify.py from a place you trust as well: this copy is a convenience. It needs Python 3.9 or newer and
the package 'cryptography', nothing else. The stored event bodies in streams/ are the exact texts that are hashed.
"""


class BundleError(Exception):
    code: ClassVar[str] = "bundle_error"
    retryable: ClassVar[bool] = False


class NotCheckpointed(BundleError):
    code = "not_checkpointed"
    retryable = True


class BundleRefused(BundleError):
    code = "bundle_refused"


@dataclass(frozen=True)
class Bundle:
    """`ends`: last version by stream. `missing_blobs`: references whose content is gone or altered, and why."""

    incident_id: str
    content: bytes
    ends: Mapping[str, int]
    missing_blobs: Mapping[str, str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def build(incident_id: str, store: AuditedStore, checkpoints: Sequence[Checkpoint], blob_store: BlobStore) -> Bundle:
    """The bundle of one incident as of the newest of the genuine `checkpoints`, in order.

    It is built of what lies there, sound or not: to verify is another's task. Raises NotCheckpointed, StoreError,
    BlobUnavailable.
    """
    own = stream_id("incident", incident_id)
    newest = checkpoints[-1] if checkpoints else None
    if newest is None or own not in newest.by_stream:
        raise NotCheckpointed(f"no checkpoint covers {own} yet")
    streams = {own: _commits(store, own, newest)}
    envelopes = _envelopes(streams[own])
    for name in verify_bundle.tied(envelopes):
        streams[name] = _commits(store, name, newest)
        envelopes += _envelopes(streams[name])
    blobs, missing = _blobs(envelopes, blob_store)
    files = {f"streams/{n:04d}.json": _stream(name, commits) for n, (name, commits) in enumerate(streams.items())}
    files |= _proofs(checkpoints, set(streams))
    files |= blobs
    files["verify.py"] = Path(verify_bundle.__file__).read_bytes()
    files["README.txt"] = README.encode()
    files["manifest.json"] = _manifest(incident_id, list(streams), files)
    ends = {name: commits[-1].last if commits else 0 for name, commits in streams.items()}
    return Bundle(incident_id, tar(files), ends, missing)


def streams_of(content: bytes) -> dict[str, list[Commit]]:
    """The raw commits in a bundle that has been verified, by stream. Raises BundleRefused."""
    try:
        files = untar(content)
        manifest = json.loads(files["manifest.json"])
        return {
            entry["stream"]: [
                _commit(entry["stream"], commit) for commit in json.loads(files[entry["file"]])["commits"]
            ]
            for entry in manifest["streams"]
        }
    except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(f"not a bundle: {error!r}") from error


def blobs_of(content: bytes) -> list[bytes]:
    """The blobs in a bundle that has been verified."""
    return [body for name, body in sorted(untar(content).items()) if name.startswith("blobs/")]


def tar(files: Mapping[str, bytes]) -> bytes:
    """Deterministic: names sorted, no times, no owners, no padding that depends on the machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def untar(content: bytes) -> dict[str, bytes]:
    """Raises tarfile.TarError."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        handles = {member.name: archive.extractfile(member) for member in archive}
        return {name: handle.read() for name, handle in handles.items() if handle}


def _commits(store: AuditedStore, stream: str, checkpoint: Checkpoint) -> list[Commit]:
    """Commits up to where `checkpoint` saw the stream end. Raises NotCheckpointed."""
    leaf = checkpoint.by_stream.get(stream)
    if leaf is None:
        raise NotCheckpointed(f"checkpoint {checkpoint.number} does not cover {stream} yet")
    return [commit for commit in store.commits(stream) if commit.version <= leaf.version]


def _envelopes(commits: Sequence[Commit]) -> list[dict[str, Any]]:
    """Parsed bodies, as far as they can be parsed: a bundle of damaged commits is evidence too."""
    envelopes = []
    for body in (body for commit in commits for body in commit.bodies):
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(envelope, dict):
            envelopes.append(envelope)
    return envelopes


def _blobs(envelopes: Sequence[Mapping[str, Any]], blob_store: BlobStore) -> tuple[dict[str, bytes], dict[str, str]]:
    found: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    for ref, digest in verify_bundle.blobs(list(envelopes)).items():
        try:
            found[f"blobs/{digest}"] = blob_store.get(ref)
        except (BlobMissing, BlobAltered) as error:
            missing[ref] = error.code
    return found, missing


def _stream(stream: str, commits: Sequence[Commit]) -> bytes:
    raw = [
        {
            "version": commit.version,
            "last": commit.last,
            "prev_hash": commit.prev_hash,
            "hash": commit.hash,
            "events": [body.decode() for body in commit.bodies],
        }
        for commit in commits
    ]
    return canonical({"stream": stream, "commits": raw})


def _commit(stream: str, raw: Mapping[str, Any]) -> Commit:
    bodies = tuple(body.encode() for body in raw["events"])
    return Commit(stream, raw["version"], raw["last"], raw["prev_hash"], raw["hash"], bodies)


def _proofs(checkpoints: Sequence[Checkpoint], streams: set[str]) -> dict[str, bytes]:
    """Each signed end of each stream, in the earliest checkpoint that saw it; and all in the newest."""
    files: dict[str, bytes] = {}
    seen: set[merkle.Leaf] = set()
    for checkpoint in checkpoints:
        proofs = []
        for index, leaf in enumerate(checkpoint.leaves):
            is_new = leaf not in seen or checkpoint is checkpoints[-1]
            if leaf.stream in streams and is_new:
                seen.add(leaf)
                proofs.append({**vars(leaf), "index": index, "path": merkle.path(checkpoint.leaves, index)})
        if proofs:
            signed = {"statement": checkpoint.text, "signature": checkpoint.signature}
            file = {**signed, "public_key": checkpoint.public_key, "proofs": proofs}
            files[f"checkpoints/{checkpoint.number:010d}.json"] = canonical(file)
    return files


def _manifest(incident_id: str, streams: Sequence[str], files: Mapping[str, bytes]) -> bytes:
    return canonical(
        {
            "format": verify_bundle.BUNDLE,
            "chain": ALGORITHM,
            "signature": verify_bundle.SIGNATURE,
            "incident": incident_id,
            "streams": [{"stream": name, "file": f"streams/{n:04d}.json"} for n, name in enumerate(streams)],
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
    )
