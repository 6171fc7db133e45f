"""Blocking keys: nothing missing forms a block, caps hold, typing errors do not lose pairs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.resolve.records import BlockDegrees, RecordSettings, fit
from tests.unit.record_people import people


def test_what_is_missing_never_forms_a_block() -> None:
    records, _ = people(300, seed=3, missing=0.6)
    empty = pa.table({c: pa.nulls(50, pa.string()) for c in records.column_names})
    empty = empty.set_column(0, "account_id", pa.array([f"e{i}" for i in range(50)]))
    records = pa.concat_tables([records, empty])
    prepared = fit(records).prepare(records)
    positions, keys = prepared.block_keys()
    assert positions.max() < records.num_rows - 50
    assert (keys != 0).all()
    left, right = prepared.candidates()
    assert max(left.max(), right.max()) < records.num_rows - 50


def test_a_block_above_its_cap_gives_no_pairs() -> None:
    records, _ = people(400, seed=5)
    records = records.set_column(1, "given_name", pa.array(["anna"] * 250 + ["bert"] * (records.num_rows - 250)))
    model = fit(records, RecordSettings(keys=(("given_name:equal",), ("card:equal",)), block_cap=20))
    assert all(key.cap == 20 for key in model.keys)
    left, right = model.prepare(records).candidates()
    card = records["card"].to_pylist()
    assert all(card[a] == card[b] for a, b in zip(left, right, strict=True))


def test_degrees_of_everything_close_blocks_of_a_part() -> None:
    records, _ = people(200, seed=6)
    prepared = fit(records).prepare(records)
    keys = prepared.block_keys()[1]
    crowded = BlockDegrees(np.unique(keys), np.full(len(np.unique(keys)), 10**6))
    assert len(prepared.candidates()[0]) > 0
    assert len(prepared.candidates(crowded)[0]) == 0
    assert len(prepared.matches(-100.0, crowded).left) == 0


def test_blocking_finds_pairs_with_errors_in_many_columns() -> None:
    records, persons = people(1500, seed=8, errors=0.4, missing=0.1)
    left, right = fit(records).prepare(records).candidates()
    found = (persons[left] == persons[right]).sum()
    same = sum(n * (n - 1) // 2 for n in np.unique(persons, return_counts=True)[1])
    assert found >= 0.97 * same
    assert len(left) < 0.2 * records.num_rows**2 / 2


def test_chosen_keys_stay_within_the_wanted_number_of_pairs() -> None:
    records, _ = people(2000, seed=10)
    model = fit(records, RecordSettings(pairs_per_record=3.0, small_pairs=0))
    left, _ = model.prepare(records).candidates()
    assert len(left) <= 3.0 * records.num_rows
