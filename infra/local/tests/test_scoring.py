"""Figures over answers, against values worked out by hand."""

import pytest

from resilibot.local.scoring import Calls, Said, Truth, auroc, brier, grade, reliability, score

# shop -> cart -> stock -> db, shop -> pay -> bank: the alarm is the shop's
CALLS = Calls("shop", (("shop", "cart"), ("cart", "stock"), ("stock", "db"), ("shop", "pay"), ("pay", "bank")))
STOCK = Truth(is_healthy=False, component="stock")
HEALTHY = Truth(is_healthy=True, category="healthy")


def said(*ranked: str, is_sure: bool = True, confidence: float = 0.9, **more: str) -> Said:
    return Said(ranked, is_sure, confidence, calls=CALLS, **more)


@pytest.mark.parametrize(
    ("named", "expected"),
    [("stock", 100), ("cart", 65), ("db", 35), ("shop", 0), ("pay", 0), ("bank", 0), ("unheard-of", 0)],
)
def test_four_steps_on_a_call_graph(named: str, expected: int) -> None:
    assert grade(said(named), STOCK) == expected


def test_the_same_branch_is_worth_less_than_the_direct_caller() -> None:
    db = Truth(is_healthy=False, component="db")
    assert [grade(said(name), db) for name in ("db", "stock", "cart", "shop")] == [100, 65, 35, 0]


def test_the_alarms_own_node_counts_where_it_calls_the_culprit_itself() -> None:
    assert grade(said("shop"), Truth(is_healthy=False, component="cart")) == 65


def test_a_cycle_of_calls_ends() -> None:
    calls = Calls("a", (("a", "b"), ("b", "c"), ("c", "a")))
    assert grade(Said(("b",), True, 0.9, calls=calls), Truth(is_healthy=False, component="c")) == 65


def test_naming_nobody_is_right_of_a_healthy_case_alone() -> None:
    assert (grade(said("stock", is_sure=False), HEALTHY), grade(said("stock", is_sure=False), STOCK)) == (100, 0)
    assert grade(said("stock"), HEALTHY) == 0


@pytest.mark.parametrize(
    ("told", "true", "expected"),
    [
        ({"cause": "bad_release"}, {"cause": "bad_release"}, 100),
        ({"cause": "bad_release"}, {"cause": "hung_process"}, 35),
        ({"cause": "component_fault"}, {"cause": "hung_process"}, 100),
        (
            {"cause": "component_fault", "fault_class": "error-config"},
            {"cause": "x", "fault_class": "error-deploy"},
            100,
        ),
        ({"cause": "component_fault", "fault_class": "latency-config"}, {"fault_class": "error-config"}, 35),
        ({"category": "code_defect"}, {"category": "infrastructure"}, 35),
        ({}, {"cause": "bad_release"}, 100),
    ],
)
def test_the_right_place_with_the_wrong_diagnosis_is_the_right_area(
    told: dict[str, str], true: dict[str, str], expected: int
) -> None:
    assert grade(said("stock", **told), Truth(False, "Stock", **true)) == expected


def test_a_case_without_a_component_is_judged_by_its_category() -> None:
    full = Truth(is_healthy=False, cause="storage_full", category="resource_exhaustion")
    told = {"category": "resource_exhaustion"}
    assert grade(said("db", cause="storage_full", **told), full) == 100
    assert grade(said("db", cause="cpu_saturation", **told), full) == 35
    assert grade(said("db", cause="image_pull", category="configuration_error"), full) == 0


def test_brier_auroc_and_bins_by_hand() -> None:
    answers = [(0.9, True), (0.8, True), (0.8, False), (0.1, False), (1.0, True)]
    assert brier(answers) == pytest.approx((0.01 + 0.04 + 0.64 + 0.01 + 0) / 5)
    assert auroc(answers) == pytest.approx((2 + 1.5 + 2) / 6)
    first, *middle, last = reliability(answers)
    assert (first.cases, first.confidence, first.right) == (1, 0.1, 0.0)
    assert [(b.cases, b.right) for b in middle] == [(0, None)] * 3
    assert (last.low, last.cases, last.right) == (0.8, 4, 0.75)
    assert last.confidence == pytest.approx(0.875)


def test_no_case_has_no_figure() -> None:
    figures = score([])
    assert [figures.figure(name) for name in ("top1", "specificity", "grade", "brier", "auroc")] == [None] * 5
    assert auroc([(0.9, True)]) is None
    with pytest.raises(KeyError):
        figures.figure("counts")


def test_each_figure_is_over_the_cases_that_it_concerns() -> None:
    figures = score(
        [
            (said("stock", "db"), STOCK),
            (said("cart", "db", "stock", confidence=0.6), STOCK),
            (said("cart", "db", "pay", "stock", is_sure=False, confidence=0.7), STOCK),
            (said(is_sure=False, category="healthy"), HEALTHY),
            (said("pay", confidence=0.6, category="unknown"), HEALTHY),
        ]
    )
    assert figures.cases == 5
    assert figures.counts == {"localised": 3, "healthy": 2, "categories": 2}
    assert (figures.top1, figures.top3) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (figures.specificity, figures.category) == (0.5, 0.5)
    assert figures.grades == {100: 2, 65: 1, 35: 0, 0: 2}
    assert (figures.grade, figures.abstained) == (53, 1)
    assert figures.brier == pytest.approx((0.01 + 0.36 + 0.49 + 0.01 + 0.36) / 5)
    assert figures.brier_of_a_constant == pytest.approx(0.24)
    assert figures.told()["reliability"][-1]["cases"] == 2
