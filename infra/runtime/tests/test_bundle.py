"""A bundle verifies alone, offline, by one file; the same store gives the same bytes; what is missing is told."""

import ast
import hashlib
import json
import random
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from resilibot.runtime.audit import verify_bundle
from resilibot.runtime.audit.bundle import BundleRefused, NotCheckpointed, build, streams_of, tar, untar
from resilibot.runtime.audit.verify_bundle import verify
from tests.support.forging import edited
from tests.support.ledger import INCIDENT, KEY, OWN, SIGNAL, TARGET, make_ledger

LEDGER = make_ledger(3)
BUNDLE = LEDGER.bundle()
# an isolated interpreter: no site-packages, no .pth files, so nothing of ours; cryptography is put back by hand
ALONE = """
import runpy, sys
try:
    import resilibot
except ImportError:
    pass
else:
    sys.exit("resilibot can be imported: this proves nothing")
if sys.argv[1] != "-":
    sys.path.append(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(
    folder: Path, content: bytes, *arguments: str, site: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """verify.py as it lies in the bundle, on `content`, in an interpreter that knows nothing of ours."""
    (folder / "verify.py").write_bytes(untar(BUNDLE.content)["verify.py"])
    (folder / "bundle.tar").write_bytes(content)
    site = sysconfig.get_path("purelib") if site is None else site
    command = [sys.executable, "-I", "-S", "-c", ALONE, site, "verify.py", "bundle.tar", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.feature(40)
@pytest.mark.feature(205)
def test_it_verifies_alone_with_nothing_of_ours(tmp_path: Path) -> None:
    done = run_alone(tmp_path, BUNDLE.content, "--key", KEY.key_id)
    assert done.returncode == 0, done.stdout + done.stderr
    events = sum(BUNDLE.ends.values())
    assert done.stdout.splitlines()[-1] == f"ok: {events} events in 3 streams"


@pytest.mark.feature(40)
def test_one_event_less_and_it_fails_with_the_place(tmp_path: Path) -> None:
    def drop_an_event(files: dict[str, Any]) -> None:
        commit = next(c for c in files["streams/0000.json"]["commits"] if len(c["events"]) > 1)
        commit["events"].pop()

    place = next(c.version for c in streams_of(BUNDLE.content)[OWN] if len(c.bodies) > 1)
    done = run_alone(tmp_path, edited(BUNDLE.content, drop_an_event), "--key", KEY.key_id)
    assert done.returncode == 1
    assert f"altered at {OWN}:{place}" in done.stdout


def test_what_cannot_be_checked_is_neither_sound_nor_faulty(tmp_path: Path) -> None:
    without_cryptography = run_alone(tmp_path, BUNDLE.content, "--key", KEY.key_id, site="-")
    assert (without_cryptography.returncode, "pip install cryptography" in without_cryptography.stderr) == (2, True)
    for arguments in ([], ["--key", "abc"]):
        assert run_alone(tmp_path, BUNDLE.content, *arguments).returncode == 2
    assert verify_bundle.main(["nowhere.tar", "--key", KEY.key_id]) == 2


def test_the_verifier_is_python_3_9_and_imports_the_standard_library_and_cryptography_only() -> None:
    source = Path(verify_bundle.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {n.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_the_same_store_gives_the_same_bytes() -> None:
    again = make_ledger(3).bundle()
    assert (again.content, again.sha256) == (BUNDLE.content, hashlib.sha256(BUNDLE.content).hexdigest())


def test_it_holds_the_tied_streams_and_the_names_of_no_others() -> None:
    assert list(streams_of(BUNDLE.content)) == [OWN, SIGNAL, TARGET]
    assert any("other-" in stream for stream in LEDGER.raw_heads)
    assert b"other-" not in BUNDLE.content


def test_earlier_ends_are_proven_under_earlier_checkpoints() -> None:
    report = verify(BUNDLE.content, KEY.key_id)
    assert report.faults == []
    assert len(report.checkpoints) > 1
    assert report.checkpoints[-1][0] == max(LEDGER.checkpoints.stored)


@pytest.mark.parametrize("stream", [1, 2])
def test_a_tied_stream_left_out_is_missed(stream: int) -> None:
    def leave_out(files: dict[str, Any]) -> None:
        name = files["manifest.json"]["streams"].pop(stream)
        del files[name["file"]]
        for file in (body for path, body in files.items() if path.startswith("checkpoints/")):
            file["proofs"] = [proof for proof in file["proofs"] if proof["stream"] != name["stream"]]

    faults = verify(edited(BUNDLE.content, leave_out), KEY.key_id).faults
    assert [(fault.kind, fault.place) for fault in faults] == [("missing", [OWN, SIGNAL, TARGET][stream])]


def test_a_blob_that_is_gone_or_altered_is_told() -> None:
    (name,) = (name for name in untar(BUNDLE.content) if name.startswith("blobs/"))
    gone = verify(edited(BUNDLE.content, lambda files: files.pop(name)), KEY.key_id).faults
    altered = verify(edited(BUNDLE.content, lambda files: files.update({name: b"another"})), KEY.key_id).faults
    assert [(f.kind, f.place) for f in (*gone, *altered)] == [("missing", name), ("altered", name)]
    ledger = LEDGER.copy()
    ledger.blobs = type(ledger.blobs)()
    bundle = ledger.bundle()
    assert list(bundle.missing_blobs.values()) == ["blob_missing"]
    assert [fault.place for fault in verify(bundle.content, KEY.key_id).faults] == [name]


@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        ("manifest.json", {"incident": None}, "unreadable"),
        ("manifest.json", {"incident": "another"}, "missing"),
        ("manifest.json", {"streams": [7]}, "unreadable"),
        ("streams/0000.json", {"commits": None}, "unreadable"),
        ("streams/0000.json", {"commits": [{}]}, "unreadable"),
        ("first commit", {"version": True}, "unreadable"),
        ("first commit", {"last": 1, "events": [7]}, "unreadable"),
        ("first commit", {"last": 1, "events": ["[" * 9999]}, "unreadable"),
        ("first commit", {"last": 0, "events": []}, "altered"),
    ],
)
def test_a_malformed_part_is_a_fault_and_no_crash(name: str, change: dict[str, Any], kind: str) -> None:
    def apply(files: dict[str, Any]) -> None:
        (files[name] if name in files else files["streams/0000.json"]["commits"][0]).update(change)

    assert kind in {fault.kind for fault in verify(edited(BUNDLE.content, apply), KEY.key_id).faults}


def test_a_file_nested_beyond_reading_is_a_fault_and_no_crash() -> None:
    deep = b"[" * 100_000
    manifest = tar({**untar(BUNDLE.content), "manifest.json": deep})
    stream = edited(BUNDLE.content, lambda files: files.update({"streams/0000.json": deep}))
    for content, name in ((manifest, "manifest.json"), (stream, "streams/0000.json")):
        assert (name, "unreadable") in [(fault.place, fault.kind) for fault in verify(content, KEY.key_id).faults]


def test_a_file_that_is_there_twice_or_says_a_thing_in_two_ways_is_refused() -> None:
    files = untar(BUNDLE.content)
    end_of_archive = tar({"manifest.json": files["manifest.json"]})
    twice = end_of_archive[: 512 + -(-len(files["manifest.json"]) // 512) * 512] + BUNDLE.content
    assert [(f.kind, f.place) for f in verify(twice, KEY.key_id).faults] == [("unreadable", "manifest.json")]
    doubled = files["manifest.json"].replace(b'{"chain"', b'{"chain":"none","chain"', 1)
    faults = verify(tar({**files, "manifest.json": doubled}), KEY.key_id).faults
    assert [(f.kind, f.place) for f in faults] == [("unreadable", "manifest.json")]


def test_any_changed_byte_is_found_or_changes_no_file() -> None:
    rng = random.Random(0)
    files = untar(BUNDLE.content)
    unseen = 0
    for _ in range(400):
        content = bytearray(BUNDLE.content)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        if verify(bytes(content), KEY.key_id).faults:
            continue
        unseen += 1
        assert untar(bytes(content)) == files  # padding of the tar file
    assert unseen < 200
    assert verify(BUNDLE.content[: len(BUNDLE.content) // 2], KEY.key_id).faults
    assert verify(b"no tar file", KEY.key_id).faults[0].place == "bundle"


def test_an_incident_that_no_checkpoint_covers_cannot_be_bundled_yet() -> None:
    with pytest.raises(NotCheckpointed):
        build(INCIDENT, LEDGER, (), LEDGER.blobs)
    with pytest.raises(NotCheckpointed):
        build("another", LEDGER, LEDGER.opened().genuine, LEDGER.blobs)
    with pytest.raises(BundleRefused):
        streams_of(json.dumps({}).encode())
