"""Audiences: versions, pages, tenants."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from graph.audiences import AUDIENCES, MEMBER_OF
from graph.control import Audience, AudienceKind, Control, sqlite_url
from graph.errors import InputError

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        opened.tenants.ensure("acme", now=NOW)
        opened.tenants.ensure("other", now=NOW)
        yield opened


def _new(control: Control, tenant: str = "acme") -> Audience:
    return control.audiences.create(tenant, "runners", AudienceKind.LOOKALIKE, {"seed": ["x", {"min": 0.5}]}, now=NOW)


def test_pages_are_what_slices_of_the_list_are(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.control.audience_members._CHUNK", 7)
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    for size in (0, 1, 6, 7, 8, 50):
        made = _new(control)
        rows = [(f"p{i}", i + 1, draw.random()) for i in range(size)]
        table = pa.table({"person_id": pa.array([r[0] for r in rows], pa.string()), "score": [r[2] for r in rows]})
        if size == 0:
            table = table.cast(pa.schema([("person_id", pa.string()), ("score", pa.float64())]))
        filled = control.audiences.fill(made.audience_id, table, now=NOW)
        assert (filled.version, filled.size) == (1, size)
        for offset, limit in [(0, None), (0, 1), (3, 3), (5, 4), (7, 7), (6, 9), (49, 5), (60, 5), (0, 0)]:
            page = control.audiences.members(made.audience_id, offset=offset, limit=limit)
            expected = rows[offset:] if limit is None else rows[offset : offset + limit]
            assert list(zip(*(page[c].to_pylist() for c in page.column_names), strict=True)) == expected, (
                seed,
                size,
                offset,
                limit,
            )


def test_a_new_version_takes_the_place_of_the_old_one(control: Control) -> None:
    made = _new(control)
    assert (made.version, made.size, made.definition) == (0, 0, {"seed": ["x", {"min": 0.5}]})
    assert control.audiences.members(made.audience_id).num_rows == 0
    control.audiences.fill(made.audience_id, pa.table({"person_id": ["a", "b"]}), now=NOW)
    later = NOW + timedelta(hours=1)
    filled = control.audiences.fill(made.audience_id, pa.table({"person_id": ["c", "a", "d"]}), now=later)
    assert (filled.version, filled.size, filled.updated_at, filled.created_at) == (2, 3, later, NOW)
    assert control.audiences.members(made.audience_id)["person_id"].to_pylist() == ["c", "a", "d"]
    assert control.audiences.members(made.audience_id)["score"].null_count == 3
    assert control.audiences.of_person("b") == []
    assert control.audiences.of_person("a") == [made.audience_id]


@pytest.mark.parametrize("people", [["a", "a"], ["a", None]])
def test_members_that_are_no_set_of_people_change_nothing(control: Control, people: list[str | None]) -> None:
    made = _new(control)
    control.audiences.fill(made.audience_id, pa.table({"person_id": ["a"]}), now=NOW)
    with pytest.raises(InputError, match="once"):
        control.audiences.fill(made.audience_id, pa.table({"person_id": pa.array(people, pa.string())}), now=NOW)
    assert control.audiences.members(made.audience_id).num_rows == 1
    with pytest.raises(InputError, match="no audience"):
        control.audiences.fill("aud-unknown", pa.table({"person_id": ["a"]}), now=NOW)


def test_a_tenant_sees_its_own_audiences_only(control: Control) -> None:
    mine, theirs = _new(control), _new(control, "other")
    assert control.audiences.get(mine.audience_id, "acme") == mine
    assert control.audiences.get(theirs.audience_id, "acme") is None
    assert control.audiences.all("acme") == [mine]
    assert {a.audience_id for a in control.audiences.all()} == {mine.audience_id, theirs.audience_id}
    assert not control.audiences.delete(theirs.audience_id, "acme")
    assert control.audiences.delete(mine.audience_id, "acme")
    assert control.audiences.get(mine.audience_id, "acme") is None


def test_the_identity_graph_gets_filled_audiences_with_their_members(control: Control) -> None:
    empty = control.audiences.tables()
    assert (empty.audiences.schema, empty.member_of.schema) == (AUDIENCES, MEMBER_OF)
    first, _, second = sorted((_new(control), _new(control, "other"), _new(control)), key=lambda a: a.audience_id)
    control.audiences.fill(first.audience_id, pa.table({"person_id": ["a", "b"]}), now=NOW)
    control.audiences.fill(second.audience_id, pa.table({"person_id": ["b"]}), now=NOW)
    tables = control.audiences.tables()
    assert tables.audiences.to_pylist() == [
        {"audience_id": a.audience_id, "name": "runners", "kind": "lookalike", "size": size, "version": 1}
        for a, size in ((first, 2), (second, 1))
    ]
    assert [tuple(r.values()) for r in tables.member_of.to_pylist()] == [
        ("a", first.audience_id),
        ("b", first.audience_id),
        ("b", second.audience_id),
    ]
    control.audiences.delete(first.audience_id, first.tenant_id)
    assert control.audiences.tables().member_of.num_rows == 1
