"""The tree: the worked example of the design, every size and every leaf, and no proof for what is not in it."""

import hashlib

import pytest

from resilibot.contracts.canonical import GENESIS, canonical, link
from resilibot.runtime.audit import merkle
from resilibot.runtime.audit.merkle import Leaf
from resilibot.runtime.audit.verify_bundle import Malformed, _proven

STREAM = "incident#01JD9Z3K6Q8V7W2X4Y5Z6A7B8C"
BODY1 = (
    '{"data":{"title":"Checkout 5xx é"},"id":"01JD9Z3K6QE000000000000001",'
    f'"stream":"{STREAM}","type":"IncidentOpened.v1","version":1}}'
)
BODY2 = (
    '{"data":{"count":2},"id":"01JD9Z3K6QE000000000000002",'
    f'"stream":"{STREAM}","type":"SignalAttached.v1","version":2}}'
)


@pytest.mark.feature(205)
def test_the_worked_example() -> None:
    hash1 = link(GENESIS, BODY1.encode())
    hash2 = link(hash1, BODY2.encode())
    assert hash1 == "45906657fa1f3c1025d71dcc5436d59b27139a7d4c7c55eb6b3b7be286036f0f"
    assert hash2 == "bbfa00587e861ecb050827df2dd9c86e1a1a43b5570400c5ab527c4c593382f5"
    leaves = [Leaf(STREAM, 2, hash2), Leaf("incident#01JD9Z3K6Q8V7W2X4Y5Z6A7B8D", 1, hash1)]
    assert [leaf.digest().hex() for leaf in leaves] == [
        "f16abf1fc16f4a4864d57f5413f6331dd82c4542dae4ed80d458acd8df17fdf1",
        "c178601273cfe74f1d68e2a6a470c34702d0b22b5892e66c0e644a9b629e03d9",
    ]
    assert merkle.root(leaves) == "690abffd7ebf9fbde281fca94abc98d08d3612d3226cebf0ce0ff79ff2b26851"


def test_the_tree_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").hexdigest()


def test_an_odd_tree_splits_at_the_largest_power_of_two_below_its_size() -> None:
    leaves = leaves_of(3)
    left = hashlib.sha256(b"\x01" + leaves[0].digest() + leaves[1].digest()).digest()
    assert merkle.root(leaves) == hashlib.sha256(b"\x01" + left + leaves[2].digest()).hexdigest()


def leaves_of(size: int) -> list[Leaf]:
    return [Leaf(f"s#{n:03}", n + 1, hashlib.sha256(canonical(n)).hexdigest()) for n in range(size)]


def proof(leaves: list[Leaf], index: int) -> dict[str, object]:
    return {**vars(leaves[index]), "index": index, "path": merkle.path(leaves, index)}


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33])
def test_every_leaf_of_every_tree_is_proven_and_nothing_else_is(size: int) -> None:
    leaves = leaves_of(size)
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        assert _proven(proof(leaves, index), "c", size, root) == (leaf.stream, leaf.version)
        for forged in ({"version": 999}, {"hash": "0" * 64}, {"index": (index + 1) % size}, {"index": size + index}):
            if forged.get("index") == index:
                continue
            with pytest.raises(Malformed, match="does not lead"):
                _proven({**proof(leaves, index), **forged}, "c", size, root)


def test_a_path_too_long_or_too_short_proves_nothing() -> None:
    leaves = leaves_of(5)
    good = proof(leaves, 2)
    path = merkle.path(leaves, 2)
    for wrong in (path[:-1], [*path, "0" * 64], path[::-1], []):
        with pytest.raises(Malformed, match="does not lead"):
            _proven({**good, "path": wrong}, "c", 5, merkle.root(leaves))
