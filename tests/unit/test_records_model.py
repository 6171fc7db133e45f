"""The match model as a whole: what it finds, and what its scores promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InputError, ModelError
from graph.resolve.records import BlockDegrees, RecordModel, RecordSettings, fit
from tests.unit.record_people import people


@pytest.fixture(scope="module")
def known() -> tuple[pa.Table, np.ndarray, RecordModel]:
    records, persons = people(600, seed=1)
    return records, persons, fit(records)


def probabilities(weight: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp2(-weight))


def test_finds_who_is_one_person_without_configuration(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, persons, model = known
    found = model.prepare(records).matches(2.0)
    right = persons[found.left] == persons[found.right]
    same = sum(n * (n - 1) // 2 for n in np.unique(persons, return_counts=True)[1])
    assert right.mean() > 0.99
    assert right.sum() > 0.97 * same


def test_probabilities_mean_what_they_say() -> None:
    records, persons = people(1500, seed=7, errors=0.35, missing=0.3)
    found = fit(records).prepare(records).matches(-4.0)
    right, probability = persons[found.left] == persons[found.right], probabilities(found.weight)
    unsure = (probability > 0.05) & (probability < 0.95)
    assert unsure.sum() > 50
    assert abs(probability[unsure].mean() - right[unsure].mean()) < 0.12


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_weight_is_prior_and_pieces_the_same_both_ways(
    known: tuple[pa.Table, np.ndarray, RecordModel], data: st.DataObject
) -> None:
    records, _, model = known
    prepared = model.prepare(records)
    places = st.integers(0, len(prepared) - 1)
    pairs = np.array(data.draw(st.lists(st.tuples(places, places), min_size=1, max_size=20)))
    forth, back = prepared.score(pairs[:, 0], pairs[:, 1]), prepared.score(pairs[:, 1], pairs[:, 0])
    total = np.zeros(len(pairs))
    for column in range(forth.pieces.shape[1]):
        total += forth.pieces[:, column]
    assert np.array_equal(forth.weight, total + forth.prior)
    for name in ("weight", "levels", "pieces", "prior"):
        assert np.array_equal(getattr(forth, name), getattr(back, name))
    assert forth.pieces.shape == forth.levels.shape == (len(pairs), len(forth.names))


def test_a_pair_scores_the_same_alone_and_among_all(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, _, model = known
    everything = model.prepare(records).score(np.arange(50), np.arange(50, 100))
    some = model.prepare(records.slice(0, 100)).score(np.arange(50), np.arange(50, 100))
    assert np.array_equal(everything.weight, some.weight)
    matches = model.prepare(records).matches(0.0)
    assert np.array_equal(matches.weight, model.prepare(records).score(matches.left, matches.right).weight)


def test_matches_are_the_candidates_above_the_minimum(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, _, model = known
    prepared = model.prepare(records)
    left, right = prepared.candidates()
    assert len(set(zip(left.tolist(), right.tolist(), strict=True))) == len(left)
    assert (left < right).all()
    weight = prepared.score(left, right).weight
    for minimum in (-8.0, 0.0, 6.0):
        found = prepared.matches(minimum)
        expected = {(a, b) for a, b, w in zip(left.tolist(), right.tolist(), weight.tolist(), strict=True) if w >= minimum}
        assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected


def test_candidates_of_some_records_are_those_among_all(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, _, model = known
    prepared = model.prepare(records)
    degrees = BlockDegrees.count(prepared.block_keys()[1])
    chosen = np.sort(np.random.default_rng(3).choice(len(prepared), 300, replace=False))
    left, right = model.prepare(records.take(pa.array(chosen))).candidates(degrees)
    inside = set(zip(chosen[left].tolist(), chosen[right].tolist(), strict=True))
    left, right = prepared.candidates()
    kept = np.isin(left, chosen) & np.isin(right, chosen)
    assert inside == set(zip(left[kept].tolist(), right[kept].tolist(), strict=True))


def test_order_and_names_of_columns_change_nothing(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, _, model = known
    order = np.random.default_rng(4).permutation(records.num_rows)
    renamed = records.rename_columns(["account_id", *"abcdef"]).take(pa.array(order))
    other = fit(renamed)
    assert np.array_equal(other.parameters.match, model.parameters.match)
    assert np.array_equal(other.parameters.chance, model.parameters.chance)
    assert (other.parameters.prior, other.keys) == (model.parameters.prior, model.keys)
    one, two = model.prepare(records).matches(-5.0), other.prepare(renamed).matches(-5.0)
    pairs = {(min(a, b), max(a, b)): w for a, b, w in zip(order[two.left], order[two.right], two.weight, strict=True)}
    assert pairs == {(a, b): w for a, b, w in zip(one.left, one.right, one.weight, strict=True)}


def test_a_loaded_model_gives_equal_bits(known: tuple[pa.Table, np.ndarray, RecordModel], tmp_path: Path) -> None:
    records, _, model = known
    model.save(tmp_path / "model")
    loaded = RecordModel.load(tmp_path / "model")
    left, right = model.prepare(records).candidates()
    before, after = model.prepare(records).score(left, right), loaded.prepare(records).score(left, right)
    assert before.weight.tobytes() == after.weight.tobytes()
    assert before.pieces.tobytes() == after.pieces.tobytes()
    assert np.array_equal(model.prepare(records).block_keys()[1], loaded.prepare(records).block_keys()[1])


def test_a_damaged_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        RecordModel.load(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        RecordModel.load(tmp_path)


def test_records_without_any_known_column_are_refused(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    with pytest.raises(InputError, match="none of the columns"):
        known[2].prepare(pa.table({"account_id": ["x"], "other": ["y"]}))


def test_a_pair_of_which_nothing_can_be_compared_says_nothing(known: tuple[pa.Table, np.ndarray, RecordModel]) -> None:
    records, _, model = known
    empty = pa.table({c: pa.nulls(2, pa.string()) for c in records.column_names})
    scores = model.prepare(empty).score(np.array([0]), np.array([1]))
    assert scores.weight.tolist() == scores.prior.tolist() == [0.0]
    assert not scores.pieces.any()


def test_rare_agreement_weighs_more_than_frequent() -> None:
    records, _ = people(500, seed=9)
    names = ["smith"] * 300 + records["family_name"].to_pylist()[300:]
    records = records.set_column(records.column_names.index("family_name"), "family_name", pa.array(names))
    model = fit(records)
    pairs = pa.table({"family_name": ["smith", "smith", "quillfeather", "quillfeather"]})
    for column in records.column_names:
        if column not in pairs.column_names:
            pairs = pairs.append_column(column, pa.nulls(4, pa.string()))
    scores = model.prepare(pairs).score(np.array([0, 2]), np.array([1, 3]))
    place = scores.names.index("family_name")
    assert scores.pieces[0, place] + 5 < scores.pieces[1, place]


def test_few_records_match_on_what_identifies_people() -> None:
    rows = [
        {"account_id": "1", "email": "ann.lee@mail.org", "phone": "+447700900123", "given_name": "Ann"},
        {"account_id": "2", "email": "ann.lee@mail.org", "phone": None, "given_name": None},
        {"account_id": "3", "email": None, "phone": "+447700900123", "given_name": None},
        {"account_id": "4", "email": "bob@mail.org", "phone": "+447700900999", "given_name": "Bob"},
        {"account_id": "5", "email": "bob@mail.org", "phone": "+447700900777", "given_name": "Eve"},
        {"account_id": "6", "email": "kim@mail.org", "phone": "+447700900555", "given_name": "Kim"},
    ]
    records = pa.Table.from_pylist(rows)
    prepared = fit(records).prepare(records)
    found = prepared.matches(2.0)
    assert {(0, 1), (0, 2)} <= set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert not {(3, 5), (4, 5), (1, 3)} & set(zip(found.left.tolist(), found.right.tolist(), strict=True))


@pytest.mark.parametrize("number", [300, 20_000])
def test_an_address_alone_joins_two_records_among_few_and_many(number: int) -> None:
    records = pa.table(
        {
            "account_id": [str(i) for i in range(number)],
            "email": ["twice@x.org"] * 2 + ["thrice@x.org"] * 3 + [f"user{i}@x.org" for i in range(5, number)],
        }
    )
    prepared = fit(records).prepare(records)
    found = prepared.matches(2.0)
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == {(0, 1), (2, 3), (2, 4), (3, 4)}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_hardly_any_records(rows: int) -> None:
    records = pa.table({"account_id": [str(i) for i in range(rows)], "name": pa.array(["x"] * rows, pa.string())})
    prepared = fit(records).prepare(records)
    assert len(prepared.matches(0.0).left) == 0
    assert len(prepared.candidates()[0]) == 0


def test_settings_overrule_what_the_content_says() -> None:
    records, _ = people(300, seed=2)
    model = fit(records, RecordSettings(ignore=("city",), kinds={"postcode": "category"}, keys=(("card:equal",),)))
    assert "city" not in [spec.name for spec in model.specs]
    assert next(spec.kind for spec in model.specs if spec.name == "postcode") == "category"
    assert len(model.keys) == 1
    left, right = model.prepare(records).candidates()
    card = records["card"].to_pylist()
    assert len(left) > 0
    assert all(card[a] is not None and card[a] == card[b] for a, b in zip(left, right, strict=True))
