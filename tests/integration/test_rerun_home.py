"""A running home's own past: decided again, and graded once a person says what it was."""

import pytest

from tests.support.house import House, until

pytestmark = pytest.mark.integration


@pytest.mark.feature(202)
@pytest.mark.feature(209)
def test_an_incident_is_confirmed_graded_and_decided_again(house: House) -> None:
    house.alarm("past-failures", service="past")
    incident: str = until(lambda: house.open_incident("past"), 60, "the incident")
    until(lambda: house.api.get(f"/incidents/{incident}")["diagnoses"], 60, "a diagnosis")
    house.cli_json("incident", "close", incident)
    assert house.cli("eval", "log").returncode == 1
    said = ("incident", "confirm", incident, "--component", "past", "--cause", "no_fault")
    assert house.cli_json(*said)["recorded"] is True
    assert house.cli_json(*said)["recorded"] is False
    until(lambda: house.incidents_of("past")[0]["root_cause"], 60, "the verdict in the list")
    shown = house.cli_json("incident", "show", incident)
    assert (shown["status"], len(shown["confirmed_causes"])) == ("CLOSED", 1)
    assert shown["confirmed_causes"][0]["by"] == "operator@localhost"
    told = house.cli_json("eval", "log", "--rerun")
    assert [case["incident_id"] for case in told["cases_graded"]] == [incident]
    assert told["cases_graded"] == told["cases_graded_again"]
    again = house.cli_json("rerun", incident, "--strict")
    assert (again["same"], again["evidence_faults"]) == (True, [])
    assert [one for one in again["rounds"] if one["diagnosis"]["recorded"]]
