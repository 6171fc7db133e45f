"""Calibration and skill of pair probabilities, on pairs whose chances are known."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from graph.evaluation_probability import evaluate_probabilities, pair_probabilities


def scored(rows: list[tuple[str, str, float | None]]) -> pa.Table:
    """Pairs of accounts with a probability."""
    left, right, probability = zip(*rows, strict=True) if rows else ((), (), ())
    kind = pa.array(["account"] * len(rows), pa.string())
    ends = {
        "left_kind": kind,
        "left_id": pa.array(left, pa.string()),
        "right_kind": kind,
        "right_id": pa.array(right, pa.string()),
    }
    return pa.table({**ends, "probability": pa.array(probability, pa.float64())})


def drawn(claims: list[float], chances: list[float], each: int = 2000) -> tuple[pa.Table, pa.Table]:
    """`each` pairs of every claim, of which the share `chance` is true; and the truth about them."""
    rows, persons = [], {}
    for claim, chance in zip(claims, chances, strict=True):
        for i in range(each):
            left, right = f"l{len(rows)}", f"r{len(rows)}"
            persons[left] = left
            persons[right] = left if i < round(chance * each) else right
            rows.append((left, right, claim))
    truth = pa.table({"kind": ["account"] * len(persons), "id": list(persons), "person": list(persons.values())})
    return scored(rows), truth


def test_true_chances_are_calibrated_and_the_skill_is_the_variance_explained() -> None:
    chances = [0.0, 0.2, 0.5, 0.8, 1.0]
    found = evaluate_probabilities(*drawn(chances, chances))
    assert (found["candidate_pairs"], found["calibrated_pairs"]) == (10_000, 8_000)
    assert found["calibration_error"] == pytest.approx(0, abs=0.005)
    rate = np.mean(chances)
    assert found["brier_skill"] == pytest.approx(np.var(chances) / (rate * (1 - rate)))


def test_claims_that_are_off_by_a_tenth_have_that_error() -> None:
    found = evaluate_probabilities(*drawn([0.3, 0.6, 0.9], [0.2, 0.5, 0.8]))
    assert found["calibration_error"] == pytest.approx(0.1, abs=0.005)


def test_claims_below_a_tenth_do_not_dilute_the_error() -> None:
    few = evaluate_probabilities(*drawn([0.9], [0.5]))
    diluted = evaluate_probabilities(*drawn([0.9, 0.01, 0.02], [0.5, 0.01, 0.02]))
    assert few["calibration_error"] == pytest.approx(0.4)
    assert diluted["calibration_error"] == pytest.approx(0.4)


def test_knowing_only_the_base_rate_has_no_skill_and_knowing_all_has_skill_one() -> None:
    assert evaluate_probabilities(*drawn([0.25], [0.25]))["brier_skill"] == pytest.approx(0)
    assert evaluate_probabilities(*drawn([0.0, 1.0], [0.0, 1.0]))["brier_skill"] == pytest.approx(1)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_changes_nothing(random: object) -> None:
    pairs, truth = drawn([0.15, 0.4, 0.4, 0.95], [0.1, 0.2, 0.9, 0.8], each=25)
    order = list(range(pairs.num_rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert evaluate_probabilities(pairs.take(order), truth) == pytest.approx(evaluate_probabilities(pairs, truth))


def test_pairs_with_an_end_that_the_truth_lacks_are_left_out() -> None:
    truth = pa.table({"kind": ["account"] * 2, "id": ["a", "b"], "person": ["x", "x"]})
    found = evaluate_probabilities(scored([("a", "b", 0.75), ("a", "stranger", 1.0)]), truth)
    assert found["candidate_pairs"] == 1
    assert found["calibration_error"] == pytest.approx(0.25)


def test_what_cannot_be_measured_is_none() -> None:
    truth = pa.table({"kind": ["account"] * 2, "id": ["a", "b"], "person": ["x", "x"]})
    nothing = evaluate_probabilities(scored([]), truth)
    assert (nothing["candidate_pairs"], nothing["calibration_error"], nothing["brier_skill"]) == (0, None, None)
    assert evaluate_probabilities(scored([("a", "b", 0.75)]), truth)["brier_skill"] is None  # no false pair: no base rate to beat


@pytest.mark.parametrize("wrong", [1.5, -0.1, math.nan, None])
def test_a_probability_that_is_none_is_refused(wrong: float | None) -> None:
    truth = pa.table({"kind": ["account"] * 2, "id": ["a", "b"], "person": ["x", "x"]})
    with pytest.raises(InputError, match="missing or outside 0 to 1"):
        evaluate_probabilities(scored([("a", "b", wrong)]), truth)


def test_weights_of_a_pair_add_up_to_its_probability() -> None:
    kind = ["account"] * 4
    evidence = pa.table(
        {
            "left_kind": kind,
            "left_id": ["a", "a", "b", "c"],
            "right_kind": kind,
            "right_id": ["b", "b", "c", "d"],
            "method": ["shared_email", "given_name_differs", "alias", "alias"],
            "weight": [7.0, -5.0, -1.0, 5000.0],
        }
    )
    rows = pair_probabilities(evidence).sort_by("left_id").to_pylist()
    assert [r["probability"] for r in rows] == pytest.approx([4 / 5, 1 / 3, 1.0])
    with pytest.raises(InputError, match="lack the column weight"):
        pair_probabilities(evidence.drop_columns(["weight"]))
