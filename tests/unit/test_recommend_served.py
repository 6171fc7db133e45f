"""A recommender beside a model version: written, read back the same, refused when damaged, and served with what came since."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from lake_tables import KEY, connect, minutes
from test_gnn_world import resolution_of, world

from api.http.recommendations import RecommendationIndex
from gnn.features.population import Population, population
from gnn.recommend import RecommendOptions, fit_recommender
from gnn.recommend.items import offers
from gnn.recommend.stored import MANIFEST, open_recommender, recommender_files
from gnn.registry import Version, save
from graph.errors import ModelError
from graph.interests import ABOUT, TAGS
from graph.resolution import Resolution

OPTIONS = [RecommendOptions(model="ease"), RecommendOptions(model="filter", dimensions=4), RecommendOptions(model="popular")]


def lake(rows: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    return connect(**{k: v for k, v in rows.items() if k != "likes"})


def persons(count: int = 40) -> Resolution:
    return resolution_of({f"p{i:03d}": [("account", f"a{i}")] for i in range(count)})


def people(found: Resolution, *, but: tuple[str, ...] = ()) -> pa.Array:
    return pa.array([p for p in found.persons["person_id"].to_pylist() if p not in but], pa.string())


def rows_of_the_world() -> dict[str, Any]:
    rows = world(40)
    rows["contents"].append({"content_id": "new-jazz", "title": "swing standards bebop trumpet session"})
    rows["events"].append(
        {"event_id": "t", "at": minutes(1), "type": "tag", "account_id": "a1", "content_id": "jazz0", "text": "x"}
    )
    return rows


def saved(data: Population, models: Path, options: RecommendOptions | None = None, about: pa.Table | None = None) -> Version:
    tags = [{"tag_id": t, "name": t, "taxonomy": "labels", "sensitive": t == "jazz"} for t in ("cooking", "jazz")]
    return save(
        models,
        person_ids=data.person_ids,
        tags=pa.Table.from_pylist(tags, schema=TAGS),
        probabilities=np.zeros((data.persons, 2), np.float32),
        embeddings=np.zeros((data.persons, 0), np.float32),
        about=ABOUT.empty_table() if about is None else about,
        metrics={},
        notes=(),
        as_of=None,
        details={},
        extras=recommender_files(fit_recommender(data, options), data, 1),
    )


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: o.model)
def test_what_is_read_offers_what_was_fitted(options: RecommendOptions, tmp_path: Path) -> None:
    found = persons()
    data = population(lake(rows_of_the_world()), found, people(found), key=KEY)
    stored = open_recommender(saved(data, tmp_path, options).extra)
    expected: dict[str, list[tuple[str, float]]] = {}
    for table in offers(fit_recommender(data, options), data, 10):
        for row in table.to_pylist():
            expected.setdefault(row["person_id"], []).append((row["content_id"], row["score"]))
    for person_id in data.person_ids.to_pylist():
        rows = stored.past.of(person_id)
        assert rows is not None
        mine = [(o.content_id, o.score) for o in stored.offers([rows], 10)]
        assert [c for c, _ in mine] == [c for c, _ in expected[person_id]]
        assert [s for _, s in mine] == pytest.approx([s for _, s in expected[person_id]], rel=1e-4, abs=1e-6)
    assert stored.past.of("nobody") is None
    assert stored.past.of("p0") is None


def test_the_same_fit_is_the_same_version(tmp_path: Path) -> None:
    found = persons()
    data = population(lake(rows_of_the_world()), found, people(found), key=KEY)
    assert saved(data, tmp_path / "a").name == saved(data, tmp_path / "b").name


@pytest.mark.parametrize("file", ["recommender.json", "recommender-past.npy", "recommender-known-first.npy"])
def test_a_damaged_file_is_a_model_error(file: str, tmp_path: Path) -> None:
    found = persons()
    version = saved(population(lake(rows_of_the_world()), found, people(found), key=KEY), tmp_path)
    (version.folder / file).write_bytes((version.folder / file).read_bytes()[:-3])
    with pytest.raises(ModelError):
        open_recommender(version.extra)
    with pytest.raises(ModelError):  # and not only by its digest
        open_recommender(lambda name: version.folder / name)


def test_a_file_of_another_format_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"format": 99}')
    with pytest.raises(ModelError, match="tessera train"):
        open_recommender(lambda name: tmp_path / name)


def index_of(version: Version | None, rows: dict[str, Any], found: Resolution, last_batch: int = 1) -> RecommendationIndex:
    return RecommendationIndex.open(version, found, lambda: lake(rows), key=KEY, last_batch=last_batch)


def contents(index: RecommendationIndex, person_ids: list[str], members: list[tuple[str, str]], k: int = 100) -> list[str]:
    return [o.content_id for o in index.of_person(person_ids, members, k)]


def test_nothing_seen_by_any_way_is_served(tmp_path: Path) -> None:
    rows, found = rows_of_the_world(), persons()
    version = saved(population(lake(rows), found, people(found, but=("p003",)), key=KEY), tmp_path)
    seen = {p: {e["content_id"] for e in rows["events"] if e["account_id"] == f"a{int(p[1:])}"} for p in ("p001", "p002", "p003")}
    assert "jazz0" in seen["p001"]  # merely tagged
    for batch, since in ((1, {}), (2, {"p001": {"football1", "cooking2"}})):
        for p, extra in since.items():
            rows["events"] += [
                {"event_id": f"{p}{c}", "at": minutes(99), "account_id": f"a{int(p[1:])}", "content_id": c, "_batch": 2}
                for c in sorted(extra | {"unheard of"})
            ]
            seen[p] |= extra
        index = index_of(version, rows, found, batch)
        assert index.version == version.name
        everything = set(index_of(version, rows, found)._stored.recommender.content_ids.to_pylist())  # type: ignore[union-attr]
        for p, theirs in seen.items():
            offered = contents(index, [p], [("account", f"a{int(p[1:])}")])
            assert set(offered) == everything - theirs, (batch, p)
        merged = contents(index, ["p001", "p002"], [("account", "a1"), ("account", "a2")])
        assert set(merged) == everything - seen["p001"] - seen["p002"]


def test_the_recommender_is_kept_while_the_model_stays(tmp_path: Path) -> None:
    rows, found = rows_of_the_world(), persons()
    version = saved(population(lake(rows), found, people(found), key=KEY), tmp_path)
    first = index_of(version, rows, found)
    again = RecommendationIndex.open(version, found, lambda: lake(rows), key=KEY, last_batch=1, before=first)
    assert again._stored is first._stored


def test_contents_about_sensitive_tags_are_withheld(tmp_path: Path) -> None:
    rows, found = rows_of_the_world(), persons()
    data = population(lake(rows), found, people(found), key=KEY)
    about = pa.Table.from_pylist(
        [
            {"content_id": "football0", "tag_id": "jazz", "score": 0.5},
            {"content_id": "football1", "tag_id": "jazz", "score": 0.01},
            {"content_id": "football2", "tag_id": "cooking", "score": 1.0},
        ],
        schema=ABOUT,
    )
    person = next(p for p in range(40) if not {f"football{i}" for i in range(3)} & {
        e["content_id"] for e in rows["events"] if e["account_id"] == f"a{p}"})  # fmt: skip
    offered = contents(index_of(saved(data, tmp_path, about=about), rows, found), [f"p{person:03d}"], [])
    assert {f"football{i}" for i in range(3)} & set(offered) == {"football1", "football2"}


def test_without_a_model_or_a_recommender_nobody_is_offered_anything(tmp_path: Path) -> None:
    rows, found = rows_of_the_world(), persons()
    data = population(lake(rows), found, people(found), key=KEY)
    plain = save(
        tmp_path,
        person_ids=data.person_ids,
        tags=TAGS.empty_table(),
        probabilities=np.zeros((data.persons, 0), np.float32),
        embeddings=np.zeros((data.persons, 0), np.float32),
        about=ABOUT.empty_table(),
        metrics={},
        notes=(),
        as_of=None,
        details={},
    )
    for version in (None, plain):
        index = index_of(version, rows, found)
        assert (index.version, index.of_person(["p001"], [("account", "a1")], 5)) == (None, [])


def test_serving_imports_no_torch() -> None:
    """Follows what is imported at the head of each module, from the look-ups on."""
    waiting, seen = ["api.http.recommendations"], set()
    while waiting:
        name = waiting.pop()
        spec = find_spec(name) if name.partition(".")[0] in ("api", "gnn", "graph") and name not in seen else None
        seen.add(name)
        for node in ast.parse(Path(spec.origin).read_text()).body if spec is not None and spec.origin is not None else []:
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, node.module.rpartition(".")[0] or node.module]
            elif isinstance(node, ast.Import):
                waiting += [a.name for a in node.names]
    assert {"gnn.recommend", "gnn.recommend.fitted", "numpy"} <= seen
    assert not {"torch", "torch_geometric", "sklearn", "transformers"} & {name.partition(".")[0] for name in seen}
