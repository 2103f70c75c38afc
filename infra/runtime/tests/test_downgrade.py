"""The eighth kind of tampering: a weaker algorithm, another key, no signature. Nothing of the kind is accepted."""

import json
import random
from typing import Any

import pytest

from resilibot.contracts.canonical import canonical
from resilibot.runtime.audit.bundle import build
from resilibot.runtime.audit.checkpoint import CheckpointRefused, make, opened
from resilibot.runtime.audit.checkpoints import open_all
from resilibot.runtime.audit.coverage import audit_covered
from resilibot.runtime.audit.verify_bundle import verify
from tests.support.forging import FORGERIES, NAMES, Forgery, edited, restated
from tests.support.ledger import INCIDENT, KEY, OTHER_KEY, Ledger, make_ledger
from tests.support.story import at

CASES = 200
BASES = [make_ledger(seed) for seed in range(4)]
BUNDLES = [base.bundle().content for base in BASES]


@pytest.mark.feature(205)
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda f: f.__name__)
def test_a_bundle_with_a_forged_checkpoint_is_refused(forge: Forgery) -> None:
    for seed in range(CASES // len(FORGERIES) + 1):
        content = _forged(random.Random(seed), forge)
        report = verify(content, KEY.key_id)
        kinds = {fault.kind for fault in report.faults}
        assert kinds & {"downgrade", "not_signed", "other_key", "unreadable"}, (seed, report.faults)
        assert "not_covered" in kinds, (seed, report.faults)


def _forged(rng: random.Random, forge: Forgery) -> bytes:
    def newest(files: dict[str, Any]) -> None:
        forge(rng, files[max(name for name in files if name.startswith("checkpoints/"))])

    return edited(rng.choice(BUNDLES), newest)


@pytest.mark.feature(205)
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda f: f.__name__)
def test_a_forged_checkpoint_in_the_bucket_is_refused_and_told(forge: Forgery) -> None:
    for seed in range(CASES // len(FORGERIES) + 1):
        rng = random.Random(seed)
        ledger = rng.choice(BASES).copy()
        number = max(ledger.checkpoints.stored)
        file = json.loads(ledger.checkpoints.stored[number])
        forge(rng, file)
        ledger.checkpoints.stored[number] = canonical(file)
        with pytest.raises(CheckpointRefused):
            opened(ledger.checkpoints.stored[number], KEY.key_id)
        faults = audit_covered(ledger, open_all(ledger.checkpoints, KEY.key_id)).audit.faults
        assert [(f.stream, f.version, f.kind) for f in faults] == [("checkpoints", number, "checkpoint")], seed


@pytest.mark.parametrize("name", ["format", "chain", "signature"])
@pytest.mark.parametrize("value", NAMES)
def test_a_manifest_that_names_another_algorithm_is_refused(name: str, value: str | None) -> None:
    content = edited(BUNDLES[0], lambda files: files["manifest.json"].update({name: value}))
    assert [fault.kind for fault in verify(content, KEY.key_id).faults] == ["downgrade"]


def test_a_bundle_stripped_of_its_checkpoints_is_refused() -> None:
    def strip(files: dict[str, object]) -> None:
        for name in [name for name in files if name.startswith("checkpoints/")]:
            del files[name]

    assert {fault.kind for fault in verify(edited(BUNDLES[0], strip), KEY.key_id).faults} == {"not_covered"}


def test_a_rewritten_store_with_checkpoints_of_ones_own_key_is_refused() -> None:
    """All is right but the key: chain, HEAD, root, proofs, signatures."""
    forged = BASES[0].copy()
    forged.checkpoints.stored.clear()
    forged.sign(OTHER_KEY)
    content = _bundle_by(forged)
    assert verify(content, OTHER_KEY.key_id).faults == []
    assert {fault.kind for fault in verify(content, KEY.key_id).faults} == {"other_key", "not_covered"}


def _bundle_by(ledger: Ledger) -> bytes:
    genuine = open_all(ledger.checkpoints, OTHER_KEY.key_id).genuine
    return build(INCIDENT, ledger, genuine, ledger.blobs).content


def test_a_leaf_that_was_signed_cannot_be_left_out_or_changed() -> None:
    file = json.loads(BASES[0].checkpoints.stored[1])
    for leaves in (file["leaves"][1:], file["leaves"][::-1], [*file["leaves"], ["x#1", 1, "0" * 64]]):
        with pytest.raises(CheckpointRefused) as refused:
            opened(canonical({**file, "leaves": leaves}), KEY.key_id)
        assert refused.value.why == "root_differs"


@pytest.mark.parametrize("field", ["algorithm", "format"])
def test_what_the_right_key_signed_for_another_purpose_is_no_checkpoint(field: str) -> None:
    def resign(files: dict[str, Any]) -> None:
        file = files[max(name for name in files if name.startswith("checkpoints/"))]
        restated(file, **{field: "resilibot.other.v1"})
        file["signature"] = KEY.sign(file["statement"].encode())

    faults = verify(edited(BUNDLES[0], resign), KEY.key_id).faults
    assert {fault.kind for fault in faults} == {"downgrade", "not_covered"}


def test_a_row_of_checkpoints_that_does_not_link_is_told_in_a_bundle() -> None:
    ledger = BASES[0].copy()
    ledger.checkpoints.stored.clear()
    ledger.sign()
    file = json.loads(ledger.checkpoints.stored[1])
    restated(file, number=2, previous_root="0" * 64)
    file["signature"] = KEY.sign(file["statement"].encode())
    ledger.checkpoints.stored[2] = canonical(file)
    faults = verify(ledger.bundle().content, KEY.key_id).faults
    assert [(fault.kind, fault.place) for fault in faults] == [("broken_link", "checkpoints/0000000002.json")]


def test_leaves_out_of_order_are_refused_even_if_signed() -> None:
    leaves = tuple(reversed(BASES[0].opened().genuine[-1].leaves))
    with pytest.raises(CheckpointRefused) as refused:
        opened(make(leaves, 1, None, KEY, at(0)).content(), KEY.key_id)
    assert refused.value.why == "root_differs"
