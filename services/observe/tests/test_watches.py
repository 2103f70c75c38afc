"""A file of watches is taken as it is meant, or refused with the field that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts.signal import Severity
from resilibot.observe.watches import AnomalyWatch, Watches, WatchesInvalid, read_watches

WHOLE = """
account = "000000000000"
region = "eu-west-1"

[[watches]]
id = "orders-latency"
kind = "anomaly"
namespace = "Shop"
metric = "Latency"
dimensions = { Service = "orders" }
service = "orders"
direction = "up"

[[watches]]
id = "orders-disk"
kind = "exhaustion"
namespace = "CWAgent"
metric = "disk_used_percent"
service = "orders"
arn = "arn:aws:ec2:eu-west-1:000000000000:instance/i-0a1b2c3d"
limit = 90
horizon_h = 48
severity = "MEDIUM"
"""


def read(tmp_path: Path, text: str) -> Watches:
    file = tmp_path / "watches.toml"
    file.write_text(text)
    return read_watches(str(file))


def watch(**fields: Any) -> str:
    """A file with one watch whose fields are changed; None leaves one out."""
    usual = {"id": "w", "kind": "anomaly", "namespace": "Shop", "metric": "Latency", "service": "orders"}
    told = {key: value for key, value in {**usual, **fields}.items() if value is not None}
    return "[[watches]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in told.items())


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_a_file_of_both_kinds_is_read(tmp_path: Path) -> None:
    watches = read(tmp_path, WHOLE)
    latency, disk = watches.watches
    assert (latency.kind, latency.severity, latency.needed, latency.of) == ("anomaly", Severity.LOW, 2, 3)
    assert latency.history_s == 7 * 86400
    assert isinstance(latency, AnomalyWatch)
    assert latency.season_s == 86400
    watched = watches.watched(disk)
    assert (watched.account, watched.severity, watched.metric.dimensions) == ("000000000000", Severity.MEDIUM, {})
    assert watches.lookback == latency.lookback
    assert watches.version == read(tmp_path, WHOLE + "# a remark\n").version
    assert watches.version != read(tmp_path, WHOLE.replace("48", "47")).version


def test_nothing_is_watched_by_an_empty_file(tmp_path: Path) -> None:
    assert read(tmp_path, "").watches == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"namespace": None}, "watch w.namespace: Field required"),
        ({"kind": "magic"}, "watch w: Input tag 'magic'"),
        ({"kind": None}, "watch w: Unable to extract tag"),
        ({"id": "Orders Disk"}, "watch Orders Disk.id: String should match"),
        ({"id": 3}, "watch number 1.id: Input should be a valid string"),
        ({"limit": 90}, "watch w.limit: Extra inputs are not permitted"),
        ({"kind": "exhaustion"}, "watch w.limit: Field required"),
        ({"kind": "exhaustion", "limit": 90, "direction": "both"}, "watch w.direction: Input should be 'up' or 'down'"),
        ({"kind": "exhaustion", "limit": "inf"}, "watch w.limit: "),
        ({"kind": "exhaustion", "limit": 90, "horizon_h": 0}, "watch w.horizon_h: "),
        ({"season": "monthly"}, "watch w.season: Input should be 'none', 'daily' or 'weekly'"),
        ({"direction": "left"}, "watch w.direction: "),
        ({"severity": "URGENT"}, "watch w.severity: "),
        ({"period_s": 45}, "watch w.period_s: CloudWatch knows"),
        ({"needed": 1}, "watch w: needed: more than half of the 3"),
        ({"needed": 4}, "watch w: needed: more than half of the 3"),
        ({"history_h": 48}, "watch w: history_h: 3 daily seasons do not fit"),
        ({"season": "none", "history_h": 0.5}, "watch w: history_h: 12 points of 300 s"),
        ({"arn": "i-0a1b"}, "watch w.arn: String should match"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(WatchesInvalid, match=r"watches\.toml: ") as raised:
        read(tmp_path, watch(**fields))
    assert said in str(raised.value)


def test_an_id_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(WatchesInvalid, match="id: w is there twice"):
        read(tmp_path, watch() + watch(kind="exhaustion", limit=90))


def test_a_misspelt_table_does_not_pass_for_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(WatchesInvalid, match="watch: Extra inputs are not permitted"):
        read(tmp_path, watch().replace("[[watches]]", "[[watch]]"))


def test_a_round_is_one_answer_of_cloudwatch(tmp_path: Path) -> None:
    many = "".join(watch(id=f"w{n}") for n in range(49))
    assert len(read(tmp_path, many).watches) == 49
    with pytest.raises(WatchesInvalid, match=r"a round would read 103\d{3} points"):
        read(tmp_path, many + watch(id="w49") + watch(id="w50"))
    weekly = watch(id="long", season="weekly")
    with pytest.raises(WatchesInvalid, match="fewer watches"):  # all are read as far back as the one
        read(tmp_path, "".join(watch(id=f"w{n}") for n in range(30)) + weekly)


def test_no_file_and_no_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(WatchesInvalid, match=r"absent\.toml"):
        read_watches(str(tmp_path / "absent.toml"))
    with pytest.raises(WatchesInvalid, match=r"watches\.toml: "):
        read(tmp_path, "[[watches]\n")
