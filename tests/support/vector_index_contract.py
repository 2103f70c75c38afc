"""The cases that every index of vectors passes: subclass it and give an empty index."""

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from resilibot.observe.runbook_ports import VectorIndex

MODEL, OTHER = "a1" * 32, "b2" * 32
SIZE = 4


def chunk(number: int) -> str:
    return f"{number:064x}"


def vector(*numbers: float) -> bytes:
    """Of unit length, as an encoder gives them."""
    padded = [*numbers, *(0.0 for _ in range(SIZE - len(numbers)))]
    return struct.pack(f"<{SIZE}f", *(number / math.hypot(*padded) for number in padded))


EAST, NORTH, WEST = vector(1), vector(0, 1), vector(-1)
NORTH_EAST = vector(1, 1)


class VectorIndexContract(ABC):
    @pytest.fixture
    @abstractmethod
    def index(self) -> VectorIndex: ...

    def test_of_an_empty_index_all_is_missing(self, index: VectorIndex) -> None:
        assert index.missing(MODEL, [chunk(1), chunk(2)]) == {chunk(1), chunk(2)}

    def test_what_was_added_is_not_missing_and_nothing_else_is_there(self, index: VectorIndex) -> None:
        assert index.missing(MODEL, [chunk(1), chunk(2)])
        index.add(MODEL, {chunk(1): EAST})
        assert index.missing(MODEL, [chunk(1), chunk(2)]) == {chunk(2)}

    def test_cosines_are_those_of_the_vectors(self, index: VectorIndex) -> None:
        told = {chunk(1): EAST, chunk(2): NORTH, chunk(3): WEST, chunk(4): NORTH_EAST}
        self.fill(index, MODEL, told)
        found = index.nearest(MODEL, EAST, list(told))
        expected = {chunk(1): 1, chunk(2): 0, chunk(3): -1, chunk(4): math.sqrt(0.5)}
        assert found == pytest.approx(expected, abs=1e-6)

    def test_a_chunk_that_is_gone_is_never_found(self, index: VectorIndex) -> None:
        self.fill(index, MODEL, {chunk(1): EAST, chunk(2): NORTH})
        assert index.nearest(MODEL, EAST, [chunk(2)]).keys() == {chunk(2)}

    def test_a_chunk_that_comes_back_is_found(self, index: VectorIndex) -> None:
        self.fill(index, MODEL, {chunk(1): EAST, chunk(2): NORTH})
        self.fill(index, MODEL, {chunk(2): NORTH})
        self.fill(index, MODEL, {chunk(1): EAST, chunk(2): NORTH})
        assert index.nearest(MODEL, EAST, [chunk(1), chunk(2)])[chunk(1)] == pytest.approx(1)

    def test_another_models_vectors_are_others(self, index: VectorIndex) -> None:
        self.fill(index, OTHER, {chunk(1): EAST})
        assert index.missing(MODEL, [chunk(1)]) == {chunk(1)}
        self.fill(index, MODEL, {chunk(1): NORTH})
        assert index.nearest(MODEL, EAST, [chunk(1)])[chunk(1)] == pytest.approx(0, abs=1e-6)

    def test_without_a_chunk_nothing_is_missing_and_nothing_near(self, index: VectorIndex) -> None:
        assert index.missing(MODEL, []) == set()
        assert index.nearest(MODEL, EAST, []) == {}

    def fill(self, index: VectorIndex, model: str, told: dict[str, bytes]) -> None:
        """As the library does: only what is missing is added."""
        missing = index.missing(model, told.keys())
        index.add(model, {one: told[one] for one in told if one in missing})


def keys(model: str, chunks: Sequence[str]) -> set[str]:
    return {f"{model}/{one}" for one in chunks}
