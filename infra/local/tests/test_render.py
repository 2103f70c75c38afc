"""What the command line prints of an audit."""

from typing import Any

from resilibot.local.commands.render import TOLD, coverage


def told(streams: int) -> list[str]:
    windows = [{"stream": f"signal#{number}", "first": 1, "last": 2} for number in range(streams)]
    checkpoints: dict[str, Any] = {"count": 3, "since": "12:00", "streams": 9, "not_covered": windows}
    return list(coverage(checkpoints))


def test_a_long_window_is_counted_and_a_short_one_named() -> None:
    assert len(told(TOLD)) == TOLD + 1
    assert told(TOLD + 40)[TOLD] == "not covered yet: 40 streams more (--json names them)"
    assert len(told(TOLD + 40)) == TOLD + 2
    assert told(TOLD + 40)[-1].endswith(f"{2 * (TOLD + 40)} events came after it"), "all are counted"
