"""The library's 36 shipped test cases on the embedded emulator; tests/support/library_cases.py says in which mode."""

import unittest

import pytest

from tests.support.library_cases import (  # noqa: F401  collected here
    TestAggregateRecorder,
    TestApplication,
    TestApplicationRecorder,
    TestExampleApplication,
    TestFactory,
    TestNonInterleavingNotificationIDs,
    TestProcessRecorder,
    TestProcessRecorderInCounterMode,
    TestSnapshotRecorder,
    TestTrackingRecorder,
    library_client,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def library_endpoint(ministack_endpoint: str) -> str:
    return ministack_endpoint


def test_none_of_the_shipped_cases_is_missing() -> None:
    cases = (
        TestAggregateRecorder,
        TestApplicationRecorder,
        TestNonInterleavingNotificationIDs,
        TestTrackingRecorder,
        TestProcessRecorder,
        TestFactory,
        TestExampleApplication,
        TestApplication,
    )
    assert sum(len(unittest.defaultTestLoader.getTestCaseNames(case)) for case in cases) == 36
