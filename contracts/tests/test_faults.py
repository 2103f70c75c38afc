"""What pydantic finds wrong is told in our own words, with its place and without the data."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from resilibot.contracts.faults import faults_of

SOURCE = Path(__file__).parents[2]


class Asked(BaseModel):
    n: int = 1
    parts: tuple[int, ...] = ()

    @field_validator("n")
    @classmethod
    def _is_even(cls, n: int) -> int:
        if n % 2 == 0:
            return n
        raise ValueError("n: an even number is needed")

    @model_validator(mode="after")
    def _is_small(self) -> "Asked":
        if self.n > 10:
            raise ValueError("too large")
        return self


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": 3}, "n: n: an even number is needed"),
        ({"n": 12}, "asked: too large"),
        ({"n": 2, "parts": [1, "hunter2"]}, "parts.1: Input should be a valid integer, unable to parse string as an"),
        ({"n": "hunter2", "parts": 7}, "; parts: Input should be a valid tuple"),
    ],
)
def test_a_fault_is_its_place_and_our_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Asked.model_validate(given)
    told = faults_of(raised.value, "asked")
    assert said in told
    assert not any(word in told for word in ("Value error", "hunter2", "pydantic"))


def test_no_module_tells_a_fault_past_them() -> None:
    """Else pydantic's own prefix would stand before our words again."""
    sources = [p for root in ("contracts", "infra", "services") for p in (SOURCE / root).rglob("src/**/*.py")]
    past = ('["msg"]', "['msg']", "Value error, ")
    found = [p.name for p in sources if any(word in p.read_text() for word in past)]
    assert len(sources) > 100
    assert found == ["faults.py"]
