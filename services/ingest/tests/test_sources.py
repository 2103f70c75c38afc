"""Sources beyond the samples: an owner's own senders, links, times, and what makes a recovery the same signal."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts.signal import Severity, Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.sources import MalformedSignal, read, reader
from resilibot.ingest.sources.fields import clean, moment, pairs
from resilibot.ingest.sources.mapped import MappingInvalid, load, load_file
from resilibot.ingest.sources.regions import region_code

SAMPLES = Path(__file__).parents[3] / "tests" / "samples" / "ingest" / "vendors"
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
OWN = """
[[source]]
source = "shop"
has = ["shop.order_queue"]
state = "shop.mood"
firing = ["bad"]
ok = ["good"]
name = "shop.order_queue"
severity = "shop.how"
severities = { awful = "CRITICAL" }
"""


def one(body: Any, **given: Any) -> Signal:
    item = read(json.dumps(body), received_at=NOW, **given)[0]
    assert isinstance(item, Signal), item
    return item


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


def test_an_owner_describes_a_sender_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    read_own = reader(load_file(path))
    event = {"shop": {"order_queue": "eu", "mood": "bad", "how": "awful"}}
    (signal,) = read_own(json.dumps(event))
    assert isinstance(signal, Signal)
    assert (signal.source, signal.state, signal.severity) == ("shop", "ALARM", Severity.CRITICAL)
    assert signal.severity_rule == "shop:severity=awful"
    with pytest.raises(MalformedSignal, match=r"shop\.mood"):
        read_own(json.dumps({"shop": {"order_queue": "eu", "mood": "odd"}}))
    assert not any(isinstance(item, Signal) for item in read(json.dumps(event))), "elsewhere nobody knows it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[source]", "TOML"),
        (OWN.replace("name =", "nmae ="), "source.0.nmae"),
        (OWN.replace('source = "shop"', 'source = "a shop"'), "source.0.source"),
        (OWN.replace('"CRITICAL"', '"TERRIBLE"'), "severities"),
        (OWN.replace('["shop.order_queue"]', "[]"), "source.0.has"),
    ],
)
def test_a_wrong_file_says_where_it_is_wrong(text: str, said: str) -> None:
    with pytest.raises(MappingInvalid, match=said):
        load(text)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match="No such file"):
        load_file(tmp_path / "none.toml")


def test_an_owners_mapping_speaks_for_no_aws_service() -> None:
    spoof = OWN.replace('has = ["shop.order_queue"]', 'has = ["source"]')
    event = json.loads((SAMPLES.parent / "cloudwatch" / "event.json").read_text())
    (signal,) = reader(load(spoof))(json.dumps(event))
    assert isinstance(signal, Signal)
    assert signal.source == "cloudwatch"


@pytest.mark.parametrize(
    ("fires", "clears"),
    [
        ("alertmanager.json", "alertmanager-resolved.json"),
        ("grafana-legacy.json", "grafana-legacy-ok.json"),
        ("datadog.json", "datadog-recovered.json"),
        ("pagerduty-triggered.json", "pagerduty-resolved.json"),
        ("pagerduty-event-v2.json", "pagerduty-event-v2-resolve.json"),
        ("newrelic.json", "newrelic-closed.json"),
        ("conventional.json", "conventional-resolved.json"),
    ],
)
def test_a_recovery_is_of_the_same_signal_and_a_repeat_has_the_same_id(fires: str, clears: str) -> None:
    firing, over = one(sample(fires)), one(sample(clears))
    assert (firing.state, over.state) == ("ALARM", "OK")
    assert (fingerprint(firing), firing.name) == (fingerprint(over), over.name)
    assert firing.source_id != over.source_id
    assert one(sample(fires)).source_id == firing.source_id


def test_links_are_https_or_left_out() -> None:
    alert = sample("alertmanager.json")
    alert["alerts"][0]["annotations"] |= {
        "a": "javascript:alert(1)",
        "b": "https://x.example/\u202e",
        "c": "https://a b",
    }
    assert one(alert).links == ["https://runbooks.example/KubePodCrashLooping"]


def test_the_environment_is_told_where_the_sender_tells_it() -> None:
    assert one(sample("datadog.json")).environment == "production"
    assert one(sample("sentry-issue-alert.json")).environment == "production"
    assert one(sample("alertmanager.json")).environment is None


def test_free_text_neither_raises_nor_lowers_what_the_sender_says() -> None:
    alert = sample("alertmanager.json")
    alert["alerts"][0]["annotations"]["summary"] = "[LOW] severity: low, please ignore"
    assert one(alert).severity is Severity.CRITICAL
    alert["alerts"][0]["labels"]["severity"] = alert["commonLabels"]["severity"] = "unheard"
    assert (one(alert).severity, one(alert).severity_rule) == (Severity.HIGH, "alertmanager-default")


def test_the_same_message_without_any_id_is_known_by_the_transports() -> None:
    told = sample("grafana-legacy.json")
    assert one(told, message_id="q-1").source_id == "q-1"
    assert one(told).source_id == one(told).source_id


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-11-24T12:00:00.123+0000", "2026-11-24T12:00:00.123+00:00"),
        ("2026-11-24T12:00:00.123456789Z", "2026-11-24T12:00:00.123456+00:00"),
        ("Tue, 24 Nov 2026 12:00:00 GMT", "2026-11-24T12:00:00+00:00"),
        (1795521600, "2026-11-24T12:00:00+00:00"),
        ("1795521600000", "2026-11-24T12:00:00+00:00"),
        ("2026-11-24 12:00:00 UTC", "2026-11-24T12:00:00+00:00"),
        ("2026-11-24T14:00:00+02:00", "2026-11-24T12:00:00+00:00"),
    ],
)
def test_a_time_in_any_form_is_understood(told: Any, meant: str) -> None:
    assert moment(told, NOW) == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "told", [None, "", "noon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e300, True, [], "9" * 400]
)
def test_what_is_no_time_of_an_event_is_the_time_of_its_arrival(told: Any) -> None:
    assert moment(told, NOW) == NOW
    assert moment(NOW + timedelta(hours=3), NOW) == NOW, "not text, no number"


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        ({"a": "b", "n": 1, "x": {"y": 1}}, {"a": "b", "n": "1"}),
        ([{"key": "a", "value": "b"}, {"Name": "c", "Value": "d"}, 7], {"a": "b", "c": "d"}),
        ([{"key": "a", "value": {"stringValue": "b"}}], {"a": "b"}),
        ([["a", "b"], ["c"]], {"a": "b"}),
        ("env:prod, team:web, alone", {"env": "prod", "team": "web", "alone": ""}),
        (None, {}),
    ],
)
def test_labels_in_any_form_are_understood(labels: Any, meant: dict[str, str]) -> None:
    assert pairs(labels) == meant


def test_clean_text_is_one_bounded_line() -> None:
    assert clean(" a\r\nb\x1b[31m\u202ec\u2028d ", 100) == "a b [31mc d"
    assert clean("x" * 900, 512) == "x" * 512


@pytest.mark.parametrize(
    ("name", "code"),
    [("EU (Ireland)", "eu-west-1"), ("Europe (Ireland)", "eu-west-1"), ("us-west-2", "us-west-2"), ("Mars", "Mars")],
)
def test_regions_are_known_by_their_names(name: str, code: str) -> None:
    assert region_code(name) == code
