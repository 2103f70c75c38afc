"""The same drill path end to end on LocalStack 4.14: real alarm evaluation, DynamoDB Local's transactions and streams.

Without Docker it runs in host mode; when neither can be had, this fails and says what is missing: it never skips.
"""

from collections.abc import Iterator

import pytest

from resilibot.local.home import HomePlan
from tests.support.house import House, living_in

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living_in(HomePlan(tmp_path_factory.mktemp("home"), "localstack")) as house:
        yield house


def test_a_bad_deploy_is_diagnosed_approved_rolled_back_and_verified(house: House) -> None:
    report = house.drill("bad-deploy", timeout_s=120)
    assert report.status in ("RESOLVED", "CLOSED")
    assert report.case["diagnoses"][0]["hypotheses"][0]["cause"] == "bad_release"
    (action,) = report.case["actions"].values()
    assert action["started"]["basis"] == "grant"
    starts = [line for line in house.starts() if line["cause"] == action["provider_id"]]
    assert len(starts) == 2, "each host was rolled back exactly once"
    assert house.cli_json("audit", "verify")["ok"]


def test_a_hung_worker_survives_the_loss_of_act_and_is_restarted_once(house: House) -> None:
    killed: list[int] = []
    report = house.drill(
        "hung-worker",
        approve=None,
        timeout_s=120,
        on_event=lambda entry: killed.append(house.kill("act")) if not killed else None,
    )
    assert killed
    assert report.status in ("RESOLVED", "CLOSED")
    (action,) = report.case["actions"].values()
    assert len([line for line in house.starts() if line["cause"] == action["provider_id"]]) == 1
