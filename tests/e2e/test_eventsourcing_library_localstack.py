"""The library's 36 shipped test cases on LocalStack; tests/support/library_cases.py says in which mode."""

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

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def library_endpoint(localstack_endpoint: str) -> str:
    return localstack_endpoint
