"""Vectors of runbooks: stored once, never taken when altered; the encoder that makes them, where it is installed."""

import io
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from resilibot.observe.adapters import minilm_encoder, s3_runbooks
from resilibot.observe.adapters.blob_vectors import BlobVectors
from resilibot.observe.adapters.file_vectors import FileVectors
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.adapters.s3_runbooks import S3Runbooks
from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import EncoderUnavailable, Runbook, VectorsUnavailable
from resilibot.observe.vector_pack import pack, unpack
from resilibot.runtime.testing import NOON

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
VECTORS = {"ab" * 32: b"1234", "cd" * 32: b"5678"}


@given(vectors=st.dictionaries(HASHES, st.binary(min_size=8, max_size=8)))
def test_what_is_packed_is_unpacked(vectors: dict[str, bytes]) -> None:
    assert unpack(pack(vectors)) == vectors


@given(at=st.integers(0, len(pack(VECTORS)) - 1), cut=st.booleans())
def test_no_altered_byte_goes_unnoticed(at: int, cut: bool) -> None:
    packed = bytearray(pack(VECTORS))
    packed[at] ^= 1
    with pytest.raises(VectorsUnavailable):
        unpack(bytes(packed[:at] if cut else packed))


def test_a_folder_keeps_vectors_by_model(tmp_path: Path) -> None:
    store = FileVectors(tmp_path / "new")
    assert store.read("m1") == {}
    store.write("m1", VECTORS)
    assert store.read("m1") == VECTORS
    assert store.read("m2") == {}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["m1.vectors"]


def test_a_folder_that_cannot_be_used_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VectorsUnavailable, match="file"):
        FileVectors(tmp_path / "file").write("m1", VECTORS)


def stubbed() -> tuple[Any, Stubber]:
    client: Any = boto3.session.Session("k", "s", region_name="eu-central-1").client("s3")
    stubber = Stubber(client)
    stubber.activate()
    return client, stubber


def test_the_blob_bucket_keeps_vectors_by_model() -> None:
    client, stubber = stubbed()
    where = {"Bucket": "b", "Key": "runbook-vectors/m1"}
    stubber.add_response("put_object", {}, {**where, "Body": pack(VECTORS)})
    stubber.add_response("get_object", {"Body": io.BytesIO(pack(VECTORS))}, where)
    stubber.add_client_error("get_object", "NoSuchKey", expected_params=where)
    stubber.add_client_error("get_object", "AccessDenied", expected_params=where)
    store = BlobVectors(client, "b")
    store.write("m1", VECTORS)
    assert store.read("m1") == VECTORS
    assert store.read("m1") == {}
    with pytest.raises(VectorsUnavailable, match="runbook-vectors/m1"):
        store.read("m1")


ASKED = dict.fromkeys(("Bucket", "Prefix", "MaxKeys"), ANY)


def listed(*keys: str, etag: str = "1", more: str = "") -> dict[str, Any]:
    page: dict[str, Any] = {"Contents": [{"Key": key, "ETag": etag, "LastModified": NOON} for key in keys]}
    return {**page, "NextContinuationToken": more} if more else page


def answer(key: str) -> dict[str, Any]:
    return {"Body": io.BytesIO(b"# \xff"), "VersionId": f"v-{key}"}


def test_runbooks_of_every_format_are_read_from_all_pages_with_their_versions_and_nothing_else() -> None:
    client, stubber = stubbed()
    keys = ["runbooks/a.md", "runbooks/b.JSON", "runbooks/c.yml"]
    stubber.add_response("list_objects_v2", listed("runbooks/c.yml", "runbooks/logo.png", more="next"), ASKED)
    stubber.add_response("list_objects_v2", listed(*keys[:2]), {**ASKED, "ContinuationToken": "next"})
    for key in keys:
        stubber.add_response("get_object", answer(key), {"Bucket": "b", "Key": key})
    found = S3Runbooks(client, "b").all()
    assert [(runbook.key, runbook.version_id) for runbook in found] == [(key, f"v-{key}") for key in keys]


def test_a_runbook_that_did_not_change_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_runbooks, "MAX_AGE_S", -1)
    client, stubber = stubbed()
    source = S3Runbooks(client, "b")
    for etag, keys, read in (("1", ["runbooks/a.md"], 1), ("1", ["runbooks/a.md"], 0), ("2", ["runbooks/a.md"], 1)):
        stubber.add_response("list_objects_v2", listed(*keys, etag=etag), ASKED)
        for key in keys[:read]:
            stubber.add_response("get_object", answer(key), {"Bucket": "b", "Key": key})
        assert [runbook.key for runbook in source.all()] == keys
        stubber.assert_no_pending_responses()
    stubber.add_response("list_objects_v2", {}, ASKED)
    assert source.all() == []


def test_a_cold_start_imports_nothing_of_the_encoder() -> None:
    code = "import sys, resilibot.observe.handler; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert not {"numpy", "onnxruntime", "tokenizers", "yaml"} & set(done.stdout.split())


def test_a_file_that_is_not_the_one_measured_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = dict.fromkeys(minilm_encoder.FILES, "0" * 64)
    monkeypatch.setattr(minilm_encoder, "FILES", files)
    with pytest.raises(EncoderUnavailable, match=r"model\.onnx"):
        MiniLmEncoder().model()


def test_without_its_packages_the_encoder_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_encoder, "find_spec", lambda name: None)
    with pytest.raises(EncoderUnavailable, match="the extra 'dense' is not installed"):
        MiniLmEncoder().embed(["x"])


def test_without_a_library_the_encoder_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EncoderUnavailable, match="onnxruntime"):
        MiniLmEncoder().query("x")


def test_an_encoder_that_fails_says_so_and_leaves_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException  # type: ignore[import-untyped]

    class Exhausted:
        def run(self, *_: Any) -> Any:
            raise RuntimeException("Failed to allocate memory")

    (_, tokenizer, names) = minilm_encoder._load()
    monkeypatch.setattr(minilm_encoder, "_load", lambda: (Exhausted(), tokenizer, names))
    disk = Runbook("disk.md", "v1", "# Disk is full", {})
    ranking = RunbookLibrary(MiniLmEncoder()).rank("disk full", [disk])
    assert (ranking.reason, ranking.words_alone) == ("error", "the encoder failed: RuntimeException")
    assert ranking.best is not None


def test_meaning_is_near_and_a_vector_does_not_depend_on_its_neighbours() -> None:
    encoder = MiniLmEncoder()
    near, far = "The volume has no space left.", "The certificate expires tomorrow and must be renewed by its owner."
    together, alone = encoder.embed([near, far]), encoder.embed([far])
    assert together[1] == alone[0]
    assert math.hypot(*struct.unpack("<384f", together[0])) == pytest.approx(1, abs=1e-5)
    index = ExactIndex()
    index.add(encoder.model(), {"near": together[0], "far": together[1]})
    cosines = index.nearest(encoder.model(), encoder.query("disk is full"), ["far", "near"])
    assert cosines["near"] > 0.5 > cosines["far"]
    assert encoder.query(near) == together[0]
    assert len(encoder.model()) == 64
