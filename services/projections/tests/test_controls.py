"""Silences and policies as they are and as they were; only the newest that ended are kept."""

from resilibot.contracts import events as e
from resilibot.contracts.matching import SilenceMatcher
from resilibot.projections.controls import ENDED_KEPT, ControlView
from tests.support.story import SILENCE, STREAMS, at, recorded


def test_a_silence_is_listed_with_who_started_it_and_how_it_ended() -> None:
    log = recorded("control#silences", STREAMS["control#silences"])
    (during,) = ControlView().apply(log[:1]).states()["controls"]["silences"]
    assert (during["silence_id"], during["ended"]) == (SILENCE, None)
    assert during["matcher"] == {"service": "orders", "labels": {"team": "shop-*"}}
    (after,) = ControlView().apply(log).states()["controls"]["silences"]
    assert after["ended"]["why"] == "person"


def test_the_last_policy_of_each_scope_is_in_force() -> None:
    second = e.PolicyActivatedV1(version="d2", origin="door.json", policy={"rules": []})
    log = recorded("control#policy", [*STREAMS["control#policy"], second])
    policies = ControlView().apply(log).states()["controls"]["policies"]
    assert {scope: active["version"] for scope, active in policies.items()} == {"door": "d2", "gate": "p1"}


def test_of_those_that_ended_the_newest_are_kept_and_of_those_that_last_all() -> None:
    events: list[e.SilenceStartedV1 | e.SilenceEndedV1] = []
    for number in range(ENDED_KEPT + 20):
        events.append(
            e.SilenceStartedV1(
                silence_id=f"s{number:03}",
                matcher=SilenceMatcher(name="x"),
                starts_at=at(0),
                ends_at=at(9),
                comment="c",
            )
        )
        if number % 60:
            events.append(e.SilenceEndedV1(silence_id=f"s{number:03}", why="expired"))
    silences = ControlView().apply(recorded("control#silences", [*events])).states()["controls"]["silences"]
    lasting = [one["silence_id"] for one in silences if one["ended"] is None]
    assert lasting == ["s000", "s060"]
    assert len(silences) == ENDED_KEPT + 2
    assert silences[-1]["silence_id"] == f"s{ENDED_KEPT + 19:03}"
