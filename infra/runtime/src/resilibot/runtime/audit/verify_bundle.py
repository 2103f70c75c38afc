#!/usr/bin/env python3
"""verify.py BUNDLE --key FINGERPRINT: is this bundle of one incident's log what was written?

Needs Python 3.9 or newer and the package `cryptography`; nothing of ResiliBot, no network. FINGERPRINT is the sha256
of the key that signs checkpoints. It must come from somewhere else than the bundle: whoever can forge a bundle can
put a key of his own into it. Take this file from a place you trust as well; the copy in a bundle is a convenience.

Checked: every file against the manifest; versions without a gap; each event's place; the hash chain from its
beginning to its end; that the end is a leaf under the root of the newest checkpoint, and earlier ends under earlier
ones; the checkpoints' signatures; that the streams the incident is tied to are there; every blob against its hash.

Exit code: 0 it is, 1 it is not (each fault is told with its place), 2 it could not be checked. The format is written
down in docs/audit.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
from typing import Any, NamedTuple

BUNDLE = "resilibot.bundle.v1"
CHAIN = "resilibot.v1"
CHECKPOINT = "resilibot.checkpoint.v1"
SIGNATURE = "ed25519"
GENESIS = "0" * 64
BLOB = re.compile(r"s3://[^/]+/sha256/([0-9a-f]{64})")
HEX = re.compile(r"[0-9a-f]{64}")


class Fault(NamedTuple):
    """`place` is a file of the bundle, a stream, or stream:version: the first version that does not hold."""

    place: str
    kind: str
    detail: str


class Report(NamedTuple):
    faults: list[Fault]
    streams: int
    events: int
    checkpoints: list[tuple[int, str]]  # number and time of each genuine one, oldest first


class Malformed(Exception):
    """A part that cannot be read as what it should be."""

    def __init__(self, place: str, detail: str, kind: str = "unreadable") -> None:
        super().__init__(detail)
        self.fault = Fault(place, kind, detail)


class CannotVerify(Exception):
    """Something is missing on this machine; nothing is said about the bundle."""


class Chain(NamedTuple):
    """A stream as recomputed: `hashes[v - 1]` is the hash of version v; `envelopes` are its parsed bodies."""

    hashes: list[str]
    envelopes: list[dict[str, Any]]


def verify(content: bytes, key: str) -> Report:
    """`key`: the fingerprint to trust. Raises CannotVerify."""
    faults: list[Fault] = []
    chains: dict[str, Chain] = {}
    genuine: list[tuple[int, str]] = []
    try:
        files = _files(content)
        manifest = _manifest(files, faults)
        for stream, name in _streams(manifest):
            chains[stream] = _chain(stream, _list(_json(files, name), "commits", name), faults)
        checkpoints = [_checkpoint(files, name, key, chains, faults) for name in sorted(files) if _is_checkpoint(name)]
        genuine = _ends(chains, [made for made in checkpoints if made], faults)
        _completeness(_text(manifest, "incident", "manifest.json"), chains, files, faults)
    except Malformed as found:
        faults.append(found.fault)
    return Report(faults, len(chains), sum(len(chain.hashes) for chain in chains.values()), genuine)


def _files(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                is_plain = member.isreg() and not member.issparse() and member.size <= len(content)
                handle = archive.extractfile(member) if is_plain else None
                if handle is None or member.name in files:
                    raise Malformed(member.name, "not a plain file, or there twice")
                files[member.name] = handle.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Malformed("bundle", f"not a readable tar file: {error}") from error
    return files


def _manifest(files: dict[str, bytes], faults: list[Fault]) -> dict[str, Any]:
    manifest = _json(files, "manifest.json")
    for name, value in (("format", BUNDLE), ("chain", CHAIN), ("signature", SIGNATURE)):
        if manifest.get(name) != value:
            raise Malformed("manifest.json", f"{name} is {manifest.get(name)!r}; only {value} is accepted", "downgrade")
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise Malformed("manifest.json", "it lists no files")
    for name in sorted(set(listed) ^ (set(files) - {"manifest.json"})):
        faults.append(Fault(name, "files_differ", "listed but missing" if name in listed else "there but not listed"))
    for name in sorted(set(listed) & set(files)):
        if hashlib.sha256(files[name]).hexdigest() != listed[name]:
            faults.append(Fault(name, "altered", "the file does not have the hash of the manifest"))
    return manifest


def _streams(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    named = []
    for entry in _list(manifest, "streams", "manifest.json"):
        named.append((_text(entry, "stream", "manifest.json"), _text(entry, "file", "manifest.json")))
    if len({stream for stream, _ in named}) != len(named):
        raise Malformed("manifest.json", "a stream is named twice")
    return named


def _chain(stream: str, commits: list[Any], faults: list[Fault]) -> Chain:
    """Recompute one stream as far as it holds; the fault that ends it is added."""
    chain = Chain([], [])
    for commit in commits:
        try:
            _link(stream, commit, chain)
        except Malformed as found:
            faults.append(found.fault)
            break  # what follows hangs in the air
    return chain


def _link(stream: str, commit: Any, chain: Chain) -> None:
    """Add one commit to `chain`. Raises Malformed naming the first version that does not fit."""
    expected = len(chain.hashes) + 1
    place = f"{stream}:{expected}"
    first, last = _number(commit, "version", place), _number(commit, "last", place)
    bodies = _list(commit, "events", place)
    running = chain.hashes[-1] if chain.hashes else GENESIS
    if first != expected:
        raise Malformed(place, f"version {expected} is missing, the next commit starts at {first}", "gap")
    if _text(commit, "prev_hash", place) != running:
        raise Malformed(place, "the commit does not continue the hash before it", "broken_link")
    if not bodies or last != first + len(bodies) - 1:
        raise Malformed(place, f"it says it ends at {last}, but holds {len(bodies)} events", "altered")
    envelopes, hashes = [], []
    for version, body in enumerate(bodies, start=first):
        envelopes.append(_envelope(stream, version, body))
        running = hashlib.sha256(f"{CHAIN}\0{running}\0{body}".encode()).hexdigest()
        hashes.append(running)
    if running != _text(commit, "hash", place):
        raise Malformed(place, f"events {first}..{last} do not give the commit's hash", "altered")
    chain.hashes.extend(hashes)
    chain.envelopes.extend(envelopes)


def _envelope(stream: str, version: int, body: Any) -> dict[str, Any]:
    place = f"{stream}:{version}"
    try:
        envelope = json.loads(body) if isinstance(body, str) else None
    except (ValueError, RecursionError) as error:
        raise Malformed(place, f"the body is not JSON: {error}") from error
    if not isinstance(envelope, dict):
        raise Malformed(place, "the body is not an envelope")
    if envelope.get("stream") != stream:
        raise Malformed(place, f"the event says it belongs to {envelope.get('stream')}", "foreign")
    if envelope.get("version") != version:
        raise Malformed(place, f"the event says it is version {envelope.get('version')}", "misplaced")
    return envelope


class Signed(NamedTuple):
    number: int
    taken_at: str
    root: str
    previous_root: str
    leaves: dict[str, int]  # version by stream, of the proofs that hold


def _is_checkpoint(name: str) -> bool:
    return name.startswith("checkpoints/")


def _checkpoint(
    files: dict[str, bytes], name: str, key: str, chains: dict[str, Chain], faults: list[Fault]
) -> Signed | None:
    """A genuine checkpoint with the leaves that hold; None, and a fault, for any other."""
    try:
        wrapped = _json(files, name)
        statement = _signed_statement(wrapped, name, key)
        number, size = _number(statement, "number", name), _number(statement, "size", name)
        if name != f"checkpoints/{number:010d}.json":
            raise Malformed(name, f"it holds checkpoint {number}", "misplaced")
        signed = Signed(
            number,
            _text(statement, "taken_at", name),
            _text(statement, "root", name),
            _text(statement, "previous_root", name),
            {},
        )
        proofs = _list(wrapped, "proofs", name)
    except Malformed as found:
        faults.append(found.fault)
        return None
    for proof in proofs:
        try:
            stream, version = _proven(proof, name, size, signed.root)
            _agrees(stream, version, proof["hash"], chains, name)
        except Malformed as found:
            faults.append(found.fault)
            continue
        signed.leaves[stream] = version
    return signed


def _signed_statement(wrapped: Any, name: str, key: str) -> dict[str, Any]:
    """The statement, if `key` signed exactly these bytes. Raises Malformed, CannotVerify."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise CannotVerify("the package 'cryptography' is missing: pip install cryptography") from error
    text = _text(wrapped, "statement", name)
    statement = _parsed(text.encode(), name)
    for field, value in (("format", CHECKPOINT), ("algorithm", SIGNATURE)):
        if statement.get(field) != value:
            raise Malformed(name, f"{field} is {statement.get(field)!r}; only {value} is accepted", "downgrade")
    try:
        public = bytes.fromhex(_text(wrapped, "public_key", name))
        signature = bytes.fromhex(_text(wrapped, "signature", name))
        fingerprint = hashlib.sha256(public).hexdigest()
        if fingerprint != key or statement.get("key_id") != key:
            raise Malformed(name, f"it is signed by key {fingerprint}, not by the key you trust", "other_key")
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except InvalidSignature as error:
        raise Malformed(name, "the signature does not fit the statement", "not_signed") from error
    except ValueError as error:
        raise Malformed(name, f"key or signature cannot be read: {error}", "not_signed") from error
    return statement


def _proven(proof: Any, name: str, size: int, root: str) -> tuple[str, int]:
    """Stream and version of a leaf whose path leads to `root`. Source: RFC 9162, section 2.1.3.2."""
    stream, version, digest = _text(proof, "stream", name), _number(proof, "version", name), _text(proof, "hash", name)
    place = f"{stream}:{version}"
    index, steps = _number(proof, "index", name), _list(proof, "path", name)
    if not all(isinstance(step, str) and HEX.fullmatch(step) for step in steps):
        raise Malformed(place, f"the path in {name} holds something else than hashes")
    leaf = hashlib.sha256(b"\x00" + _canonical([stream, version, digest])).digest()
    if _root_over(leaf, index, size, [bytes.fromhex(step) for step in steps]) != root:
        raise Malformed(place, f"its path does not lead to the root in {name}", "not_included")
    return stream, version


def _root_over(leaf: bytes, index: int, size: int, steps: list[bytes]) -> str | None:
    """The root that `steps` lead to from leaf `index` of `size`; None if they are too many or too few."""
    running, left, last = leaf, index, size - 1
    for step in steps:
        if last == 0:
            return None
        if left & 1 or left == last:
            running = hashlib.sha256(b"\x01" + step + running).digest()
            while left and not left & 1:
                left, last = left >> 1, last >> 1
        else:
            running = hashlib.sha256(b"\x01" + running + step).digest()
        left, last = left >> 1, last >> 1
    return running.hex() if last == 0 and index < size else None


def _agrees(stream: str, version: int, digest: str, chains: dict[str, Chain], name: str) -> None:
    place = f"{stream}:{version}"
    if stream not in chains:
        raise Malformed(place, f"{name} proves a stream that is not here", "missing")
    hashes = chains[stream].hashes
    if not 1 <= version <= len(hashes):
        missing = f"{stream}:{len(hashes) + 1}"
        raise Malformed(missing, f"{name} saw version {version}, {len(hashes)} hold here", "checkpoint_differs")
    if hashes[version - 1] != digest:
        raise Malformed(place, f"{name} saw another hash of version {version}", "checkpoint_differs")


def _ends(chains: dict[str, Chain], signed: list[Signed], faults: list[Fault]) -> list[tuple[int, str]]:
    """Each stream must end exactly where the newest checkpoint saw it end."""
    signed = sorted(signed)
    for before, after in zip(signed, signed[1:]):
        if after.number == before.number + 1 and after.previous_root != before.root:
            name = f"checkpoints/{after.number:010d}.json"
            faults.append(Fault(name, "broken_link", f"it does not follow checkpoint {before.number}"))
    newest = signed[-1].leaves if signed else {}
    for stream, chain in chains.items():
        if newest.get(stream) != len(chain.hashes):
            detail = f"no genuine checkpoint proves that it ends at version {len(chain.hashes)}"
            faults.append(Fault(stream, "not_covered", detail))
    return [(one.number, one.taken_at) for one in signed]


def _completeness(incident: str, chains: dict[str, Chain], files: dict[str, bytes], faults: list[Fault]) -> None:
    """The incident, the streams it is tied to and the blobs it refers to are here."""
    own = f"incident#{incident}"
    told = chains[own].envelopes if own in chains else []
    for stream in [own, *tied(told)]:
        if stream not in chains:
            faults.append(Fault(stream, "missing", "the stream is not in the bundle"))
    for stream, chain in chains.items():
        for version, envelope in enumerate(chain.envelopes, start=1):
            for digest in blobs(envelope).values():
                found = files.get(f"blobs/{digest}")
                if found is None or hashlib.sha256(found).hexdigest() != digest:
                    what = "altered" if found is not None else "missing"
                    faults.append(Fault(f"blobs/{digest}", what, f"{stream}:{version} refers to it"))


def tied(envelopes: list[dict[str, Any]]) -> list[str]:
    """Streams that an incident's events are tied to: its signal's, and those of the targets acted upon."""
    names = []
    for envelope in envelopes:
        word, data = str(envelope.get("type")).partition(".")[0], envelope.get("data")
        if isinstance(data, dict) and word == "IncidentOpened" and data.get("fingerprint"):
            names.append(f"signal#{data['fingerprint']}")
        if isinstance(data, dict) and word == "ActionStarted":
            names.append(f"target#{data.get('target')}")
    return sorted(set(names))


def blobs(value: Any) -> dict[str, str]:
    """Hash by reference of all blobs that are referred to anywhere in `value`."""
    found: dict[str, str] = {}
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            match = BLOB.fullmatch(part) if part.startswith("s3://") else None
            if match:
                found[part] = match[1]
        elif isinstance(part, (dict, list)):
            waiting.extend(part.values() if isinstance(part, dict) else part)
    return dict(sorted(found.items()))


def _json(files: dict[str, bytes], name: str) -> dict[str, Any]:
    if name not in files:
        raise Malformed(name, "the file is missing", "missing")
    return _parsed(files[name], name)


def _parsed(content: bytes, place: str) -> dict[str, Any]:
    """A JSON object in canonical form: one meaning to every reader. Raises Malformed."""
    try:
        value = json.loads(content)
        is_canonical = isinstance(value, dict) and _canonical(value) == content
    except (ValueError, RecursionError) as error:
        raise Malformed(place, f"not JSON: {error}") from error
    if not is_canonical:
        raise Malformed(place, "not a JSON object in canonical form")
    return dict(value)


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def _text(value: Any, name: str, place: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise Malformed(place, f"{name} is not a text")
    return found


def _number(value: Any, name: str, place: str) -> int:
    found = value.get(name) if isinstance(value, dict) else None
    if type(found) is not int or found < 0:
        raise Malformed(place, f"{name} is not a number")
    return found


def _list(value: Any, name: str, place: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise Malformed(place, f"{name} is not a list")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a bundle of one incident, offline.")
    parser.add_argument("bundle")
    parser.add_argument("--key", required=True, help="sha256 of the public key that you trust, 64 hex digits")
    given = parser.parse_args(arguments)
    if not HEX.fullmatch(given.key):
        parser.error("--key: 64 lower-case hex digits")
    try:
        with open(given.bundle, "rb") as handle:
            report = verify(handle.read(), given.key)
    except (OSError, CannotVerify) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    for fault in report.faults:
        print(f"{fault.kind} at {fault.place}: {fault.detail}")
    for number, taken_at in report.checkpoints:
        print(f"checkpoint {number} of {taken_at}")
    print(f"{'FAILED' if report.faults else 'ok'}: {report.events} events in {report.streams} streams")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
