"""The comparison in this process: the cases that every index passes."""

import pytest

from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.runbook_ports import VectorIndex
from tests.support.vector_index_contract import VectorIndexContract


class TestExact(VectorIndexContract):
    @pytest.fixture
    def index(self) -> VectorIndex:
        return ExactIndex()
