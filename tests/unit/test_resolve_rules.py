"""The rules in SQLite against the same rules in DuckDB: equal evidence and classes, and equal functions, to the last bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, Rows, connect, minutes, sign_ins

from graph.home import Home
from graph.resolve import IdentityLog, ResolveSettings, resolve
from graph.resolve.guards import Limits
from graph.resolve.incremental.index import ASSERTED, standing_as_of
from graph.resolve.incremental.world import load_world
from graph.resolve.rules import any_rows, make, numbers
from graph.resolve.small_tables import SmallTables, texts
from graph.resolve.steps import find_evidence_of_part

LIMITS = Limits(devices_at_once=4, people_per_device=4, advertising_id_holders=3, alias_partners=2)


def crowd(seed: int) -> dict[str, Rows]:
    """Years of sign-ins on devices of one and of many, conflicting records, shared advertising ids, aliases and crawlers."""
    draw = random.Random(seed)
    days = 24 * 60
    people = [f"a{n}" for n in range(30)]
    events: list[dict[str, Any]] = []
    for n in range(40):
        for account in draw.sample(people, draw.choice([1, 1, 1, 2, 2, 3, 6])):
            events += sign_ins(f"d{n}", account, draw.randint(1, 9), start=draw.randint(0, 1500) * days)
    events += [{**e, "bot": True} for e in sign_ins("crawler", "a1", 3)]
    accounts = [
        {
            "account_id": name,
            "source": draw.choice(["crm", "shop"]),
            "email": f"p{draw.randint(0, 25)}@example.com",
            "given_name": draw.choice(["ann", "bob", "eve", None]),
            "family_name": draw.choice(["smith", "jones", None]),
            "birth_date": draw.choice(["1980-01-01", "1990-05-05", None]),
            "_source": draw.choice(["first", "öther"]),
        }
        for name in people
        if draw.random() < 0.9
    ]
    devices = [
        {"device_id": f"d{n}", "advertising_id": draw.choice([None, *(f"38400000-8cf0-11bd-b23e-{k:012d}" for k in range(12))])}
        for n in range(40)
    ]
    ends = [("device", f"d{draw.randint(0, 39)}", draw.choice(people)) for _ in range(8)]
    ends += [("account", draw.choice(people), draw.choice(people)) for _ in range(4)]
    relations = [
        {"from_kind": kind, "from_id": one, "to_kind": "account", "to_id": other, "type": "alias", "at": minutes(5)}
        for kind, one, other in sorted(set(ends))
    ]
    return {"events": events, "accounts": accounts, "devices": devices, "relations": relations}


@pytest.mark.parametrize("namespaces", [(), ("crm", "first")])
@pytest.mark.parametrize("seed", range(3))
def test_a_part_that_is_the_whole_gives_the_evidence_and_classes_of_a_full_run(
    seed: int, namespaces: tuple[str, ...], tmp_path: Path
) -> None:
    chosen = ResolveSettings(limits=Limits(**{**vars(LIMITS), "unique_namespaces": namespaces}), behaviour=False)
    home = Home.open(tmp_path / "home")
    resolve(connect(**crowd(seed)), home, key=KEY, settings=chosen, index_batch=1)
    tables = SmallTables()
    with IdentityLog(home.identity) as log:
        world = load_world(tables, log, [s for (s,) in log.rows("SELECT s FROM k_subject")], chosen.limits)
        find_evidence_of_part(tables, chosen, standing_as_of(log))
        stored = set(log.rows("SELECT l, r, method, weight, sources, first_seen, last_seen FROM k_evidence"))
        classes = set(log.rows("SELECT s, class, reason FROM k_class"))
    rows = tables.execute("SELECT * FROM evidence").fetchall()
    assert {(*world.ordered(left, right), *rest) for left, right, *rest in rows} == {
        row for row in stored if row[2] != "records_within"
    }
    query = "SELECT number, class, min(reason) FROM classes JOIN subjects USING (kind, id) GROUP BY number, class"
    assert {(world.numbers[n], *rest) for n, *rest in tables.execute(query).fetchall()} == classes
    assert {row[2] for row in stored} >= {"sign_in", "alias", "shared_advertising_id"}
    assert classes


_REALS = st.floats(min_value=-1e9, max_value=1e9).map(lambda x: x + 0.0)


@given(_REALS, st.floats(min_value=1e-9, max_value=1e9), st.floats(min_value=-40, max_value=40))
@settings(max_examples=60, deadline=None)
def test_functions_of_numbers_give_what_duckdb_gives(value: float, positive: float, exponent: float) -> None:
    query = """SELECT round($value, 1), round($value), log2($positive), power(2, $exponent), greatest($value, $exponent),
        least($value, NULL), greatest($positive, 0)"""
    values = {"value": value, "positive": positive, "exponent": exponent}
    assert SmallTables().execute(query, values).fetchall() == connect().execute(query, values).fetchall()


@given(st.lists(st.lists(st.text(alphabet='abö"\\é/ ', max_size=3), max_size=3), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_functions_of_lists_give_what_duckdb_gives(lists: list[list[str]]) -> None:
    query = "SELECT {} FROM given"
    merged = "list_sort(list_distinct(flatten(list(listed))))"
    joined = "list_sort(list_concat(listed, listed))"
    tables, connection = SmallTables(), connect()
    tables.put("given", ["listed"], [(texts(one),) for one in lists])
    connection.register("given", pa.table({"listed": pa.array(lists, pa.list_(pa.string()))}))
    for what in (merged, joined):
        expected = connection.execute(query.format(f"to_json({what})::VARCHAR")).fetchall()
        assert tables.execute(query.format(what)).fetchall() == expected


@pytest.mark.parametrize("opened", [SmallTables, connect])
def test_a_table_is_made_anew_and_read_by_column(opened: Any) -> None:
    database = opened()
    database.register("given", pa.table({"number": [3, 1], "id": ["c", "a"]}))
    for least, expected in ((0, [1, 3]), (2, [3]), (9, [])):
        make(database, "made", "SELECT number, id FROM given WHERE number > $least ORDER BY number", {"least": least})
        found = numbers(database, "SELECT number, id FROM made ORDER BY number")
        assert found["number"].astype(np.int64).tolist() == expected
        assert any_rows(database, "made WHERE id = 'c'") == bool(expected)
    database.unregister("given")
    database.register("given", pa.table({"number": [7], "id": ["g"]}))
    assert database.execute("SELECT id FROM given").fetchall() == [("g",)]


def test_the_logarithm_of_nothing_is_the_same_in_both() -> None:
    found = [
        database.execute("SELECT greatest(log2(0), 0), log2(0) < -1e9").fetchall() for database in (SmallTables(), connect())
    ]
    assert found == [[(0, True)]] * 2


def test_what_operators_said_is_found_by_its_index(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    resolve(connect(events=sign_ins("d", "a")), home, key=KEY, settings=ResolveSettings(behaviour=False), index_batch=1)
    with IdentityLog(home.identity) as log:
        plan = log.rows(f"EXPLAIN QUERY PLAN SELECT l, r, weight FROM k_evidence WHERE {ASSERTED}")
    assert ["k_evidence_asserted" in row[3] for row in plan] == [True]
