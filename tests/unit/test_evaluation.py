"""The scores of a partition, against counting every pair of records one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from graph.evaluation import Bootstrap, evaluate_partition, interval

PARTITIONS = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 5), min_size=n, max_size=n) for _ in range(2)))
)


def table(values: Sequence[object], column: str) -> pa.Table:
    """One account per value."""
    ids = [f"a{i}" for i in range(len(values))]
    return pa.table({"kind": ["account"] * len(ids), "id": pa.array(ids, pa.string()), column: pa.array(list(map(str, values)))})


def counted(person: Sequence[int], cluster: Sequence[int]) -> dict[str, float]:
    """The same metrics, from their definitions."""
    n = len(person)
    pairs = list(combinations(range(n), 2))
    wanted = [person[i] == person[j] for i, j in pairs]
    claimed = [cluster[i] == cluster[j] for i, j in pairs]
    hits = sum(w and c for w, c in zip(wanted, claimed, strict=True))
    precision = hits / sum(claimed) if any(claimed) else 1.0
    recall = hits / sum(wanted) if any(wanted) else 1.0
    together = [{j for j in range(n) if cluster[j] == cluster[i]} for i in range(n)]
    belonging = [{j for j in range(n) if person[j] == person[i]} for i in range(n)]
    b3_precision = sum(len(t & b) / len(t) for t, b in zip(together, belonging, strict=True)) / n
    b3_recall = sum(len(t & b) / len(b) for t, b in zip(together, belonging, strict=True)) / n
    chance = sum(claimed) * sum(wanted) / len(pairs) if pairs else 0.0
    most = (sum(claimed) + sum(wanted)) / 2
    return {
        "records": n,
        "missing": 0,
        "pair_precision": precision,
        "pair_recall": recall,
        "pair_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "b3_precision": b3_precision,
        "b3_recall": b3_recall,
        "b3_f1": 2 * b3_precision * b3_recall / (b3_precision + b3_recall),
        "ari": (hits - chance) / (most - chance) if most != chance else 1.0,
        "largest_cluster": max(map(len, together)),
        "largest_person": max(map(len, belonging)),
        "share_in_mixed_clusters": sum(len({person[j] for j in t}) > 1 for t in together) / n,
    }


@given(PARTITIONS)
def test_scores_are_those_of_counting_every_pair(partitions: tuple[list[int], list[int]]) -> None:
    person, cluster = partitions
    assert evaluate_partition(table(cluster, "person_id"), table(person, "person")) == pytest.approx(counted(person, cluster))


def test_records_without_truth_are_ignored_and_absent_ones_count_alone() -> None:
    predicted = pa.table({"kind": ["account"] * 3, "id": ["a0", "a1", "extra"], "person_id": ["p", "p", "p"]})
    truth = table(["x", "x", "x"], "person")
    found = evaluate_partition(predicted, truth)
    assert (found["records"], found["missing"], found["largest_cluster"]) == (3, 1, 2)
    assert found["pair_recall"] == pytest.approx(1 / 3)


def test_a_device_and_an_account_of_one_id_are_two_records() -> None:
    both = {"kind": ["device", "account"], "id": ["7", "7"]}
    found = evaluate_partition(pa.table({**both, "person_id": ["p", "q"]}), pa.table({**both, "person": ["x", "y"]}))
    assert (found["records"], found["largest_cluster"]) == (2, 1)


def test_the_interval_is_that_of_drawing_persons_one_by_one() -> None:
    generator = np.random.default_rng(5)
    person = generator.integers(0, 60, 200)
    cluster = np.where(generator.random(200) < 0.15, generator.integers(0, 60, 200), person)
    low, high = interval(table(cluster.tolist(), "person_id"), table(person.tolist(), "person"), Bootstrap(draws=4000))
    same = [(i, j) for i, j in combinations(range(200), 2) if cluster[i] == cluster[j]]
    hit, outside = Counter[int](), Counter[int]()
    for i, j in same:
        if person[i] == person[j]:
            hit[int(person[i])] += 1
        else:
            outside[int(person[i])] += 1
            outside[int(person[j])] += 1
    size = Counter(person.tolist())
    people = sorted(size)
    rows = np.array([(hit[p], size[p] * (size[p] - 1) / 2 + hit[p] + outside[p] / 2) for p in people])
    drawn = rows[generator.integers(0, len(people), (4000, len(people)))].sum(axis=1)
    expected = np.quantile(2 * drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    assert low < evaluate_partition(table(cluster.tolist(), "person_id"), table(person.tolist(), "person"))["pair_f1"] < high


def test_the_interval_of_a_perfect_answer_has_no_width_and_equal_seeds_give_equal_intervals() -> None:
    truth = table([0, 0, 1, 1, 2], "person")
    assert interval(table([0, 0, 1, 1, 2], "person_id"), truth) == (1.0, 1.0)
    predicted = table([0, 0, 0, 1, 2], "person_id")
    assert interval(predicted, truth, Bootstrap(seed=3)) == interval(predicted, truth, Bootstrap(seed=3))


@pytest.mark.parametrize(
    ("predicted", "truth", "said"),
    [
        (table([1], "person_id"), table([1], "name"), "the truth lacks the column person"),
        (table([1], "cluster"), table([1], "person"), "the prediction lacks the column person_id"),
        (table([1], "person_id"), table([], "person"), "the truth is empty"),
        (
            table([1], "person_id"),
            pa.table({"kind": ["account"] * 2, "id": ["a", "a"], "person": ["x", "y"]}),
            "a record stands twice in the truth",
        ),
        (
            table([1], "person_id"),
            pa.table({"kind": ["account"] * 2, "id": ["a", "b"], "person": ["x", None]}),
            "the truth has no person in row 2",
        ),
    ],
)
def test_unusable_tables_are_refused_with_what_to_do(predicted: pa.Table, truth: pa.Table, said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluate_partition(predicted, truth)
