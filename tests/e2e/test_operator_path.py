"""From raw input to the operator's files, by the command line: what they hold, and that the referee can read them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import Whole

from graph.home import Home
from graph.lake import Lake

REFEREE = Path(__file__).resolve().parents[2].parent / "shared" / "score" / "score.py"


@pytest.fixture(scope="module")
def files(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that can be exported, as Parquet."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("identities", "tags", "contents", "embeddings"):
        whole.tessera("export", name, "--out", folder / f"{name}.parquet")
    whole.tessera("recommend", "--k", "7", "--quiet", "--out", folder / "recommendations.parquet")
    return folder


def referee(*arguments: str | Path) -> dict[str, Any]:
    if not REFEREE.exists():
        pytest.skip("the referee of the shared data is not here")
    done = subprocess.run([sys.executable, str(REFEREE), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def keys(table: pa.Table) -> list[tuple[str, str]]:
    """(kind, id) of each row."""
    return list(zip(table["kind"].to_pylist(), table["id"].to_pylist(), strict=True))


def rows(file: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with file.open() as content:
        return list(csv.DictReader(content))


def test_run_reports_every_stage(whole: Whole) -> None:
    assert set(whole.report) >= {"ingest", "identities", "interests", "graph"}
    counts, population = whole.report["graph"], whole.population
    assert (counts["Device"], counts["Account"]) == (population.devices, population.accounts)
    assert counts["Person"] == whole.report["identities"]["persons"]
    assert counts["BELONGS_TO"] == whole.report["identities"]["members"] == population.devices + population.accounts
    assert counts["INTERESTED_IN"] > 0
    assert whole.report["interests"]["tags"] > 0


def test_run_again_changes_nothing(whole: Whole, tmp_path: Path) -> None:
    tessera = whole.copy(tmp_path)
    lake = Lake(Home.open(tessera.home).lake)
    state = lake.snapshot_id()
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    tessera("export", "identities", "--out", before)
    report = tessera("run", whole.population.source, "--quiet", "--json").json()
    assert report["ingest"][0]["table"].startswith("taken before: accounts.parquet, ")
    assert {k: v for k, v in report.items() if k != "ingest"} == {k: v for k, v in whole.report.items() if k != "ingest"}
    tessera("export", "identities", "--out", after)
    assert before.read_bytes() == after.read_bytes()
    assert lake.snapshot_id() == state


def test_every_device_and_account_is_exported_once_but_those_who_refuse_everything(whole: Whole, tmp_path: Path) -> None:
    told = whole.tessera.json("export", "identities", "--out", tmp_path / "identities.parquet")
    identities = pq.read_table(tmp_path / "identities.parquet")
    assert identities.column_names == ["kind", "id", "person_id", "confidence"]
    truth = pq.read_table(whole.population.truth / "identities.parquet")
    known, exported = set(keys(truth)), keys(identities)
    assert len(set(exported)) == len(exported) == told["rows"]
    assert set(exported) <= known
    assert told["rows"] + told["withheld"] == len(known)
    assert pc.min(identities["confidence"]).as_py() > 0
    assert pc.max(identities["confidence"]).as_py() <= 1


def test_tags_contents_and_embeddings(whole: Whole, files: Path, tmp_path: Path) -> None:
    people, tags = whole.report["interests"]["people"], whole.report["interests"]["tags"]
    matrix = pq.read_table(files / "tags.parquet")
    assert matrix.column_names == ["person_id", "tag", "probability"]
    assert matrix.num_rows == people * tags
    told = whole.tessera.json("export", "tags", "--min-probability", "0.3", "--out", tmp_path / "some.jsonl")
    some = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text().splitlines()]
    assert told["rows"] == len(some) == pc.sum(pc.greater_equal(matrix["probability"], 0.3)).as_py()
    contents = pq.read_table(files / "contents.parquet")
    assert contents.column_names == ["content_id", "tag", "score"]
    assert contents.num_rows > 0
    embeddings = pq.read_table(files / "embeddings.parquet")
    assert embeddings.num_rows == people
    assert len({len(vector) for vector in embeddings["vector"].to_pylist()}) == 1
    assert set(embeddings["person_id"].to_pylist()) == set(matrix["person_id"].to_pylist())


def test_recommendations_hold_nothing_already_seen(whole: Whole, files: Path) -> None:
    found = pq.read_table(files / "recommendations.parquet")
    assert found.column_names == ["person_id", "content_id", "score", "rank"]
    ranks = found.group_by("person_id").aggregate([("rank", "max"), ("rank", "count_distinct")])
    assert pc.max(ranks["rank_max"]).as_py() == 7
    assert ranks["rank_max"].to_pylist() == ranks["rank_count_distinct"].to_pylist()
    identities = pq.read_table(files / "identities.parquet")
    person = {(r["kind"], r["id"]): r["person_id"] for r in identities.to_pylist()}
    events = pq.read_table(whole.population.source / "events.parquet", columns=["device_id", "account_id", "content_id"])
    seen = set()
    for row in events.to_pylist():
        if row["content_id"]:
            subject = ("account", row["account_id"]) if row["account_id"] else ("device", row["device_id"])
            seen.add((person.get(subject), row["content_id"]))
    suggested = set(zip(found["person_id"].to_pylist(), found["content_id"].to_pylist(), strict=True))
    assert len(seen) > 1000
    assert not seen & suggested


@pytest.fixture(scope="module")
def seeds(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those labelled with the most frequent tag."""
    labels = pq.read_table(whole.population.source / "labels.parquet")
    counts = sorted(labels["tag"].value_counts().to_pylist(), key=lambda c: (-c["counts"], c["values"]))
    holders = labels.filter(pc.equal(labels["tag"], counts[0]["values"]))
    file = tmp_path_factory.mktemp("seeds") / "seeds.csv"
    rows = zip(holders["subject_kind"].to_pylist(), holders["subject_id"].to_pylist(), strict=True)
    file.write_text("kind,id\n" + "".join(f"{kind},{subject}\n" for kind, subject in rows))
    return file


def test_a_lookalike_ranks_everybody_but_the_seeds(whole: Whole, files: Path, seeds: Path, tmp_path: Path) -> None:
    everybody, best = tmp_path / "all.csv", tmp_path / "best.csv"
    whole.tessera("lookalike", "--seeds", seeds, "--size", "all", "--out", everybody)
    whole.tessera("lookalike", "--seeds", seeds, "--size", "25", "--out", best)
    ranked, first = rows(everybody), rows(best)
    assert [int(row["rank"]) for row in ranked] == list(range(1, len(ranked) + 1))
    scores = [float(row["score"]) for row in ranked]
    assert scores == sorted(scores, reverse=True)
    assert first == ranked[:25]
    identities = pq.read_table(files / "identities.parquet").to_pylist()
    given = {tuple(line.split(",")) for line in seeds.read_text().splitlines()[1:]}
    people = {row["person_id"] for row in identities if (row["kind"], row["id"]) in given}
    assert people
    assert not people & {row["person_id"] for row in ranked}
    assert len(ranked) == whole.report["interests"]["people"] - len(
        people & set(pq.read_table(files / "embeddings.parquet")["person_id"].to_pylist())
    )


def test_seeds_are_judged_before_a_lookalike_and_people_left_out_of_it(whole: Whole, seeds: Path, tmp_path: Path) -> None:
    figures, picture, best, less = (tmp_path / name for name in ("report.json", "curve.svg", "best.csv", "less.csv"))
    told = whole.tessera.json("lookalike", "--seeds", seeds, "--report", figures, "--report", picture)
    assert told == json.loads(figures.read_text())
    assert told["curve"][0]["ratio"] == 0.01
    assert picture.read_text().startswith("<svg ")
    whole.tessera("lookalike", "--seeds", seeds, "--ratio", "0.1", "--out", best)
    assert len(rows(best)) == told["curve"][9]["people"]
    whole.tessera("lookalike", "--seeds", seeds, "--ratio", "0.1", "--exclude", seeds, "--out", less)
    assert rows(less) == rows(best)


def test_quality_is_measured(whole: Whole) -> None:
    truth = whole.population.truth
    identity = whole.tessera.json("evaluate", "identity", "--truth", truth / "identities.parquet")
    assert identity["pair_precision"] > 0.9
    assert identity["missing"] == 0
    model, popularity = whole.tessera.json("evaluate", "tags", "--truth", truth / "labels.parquet")
    assert (model["scores"], popularity["scores"]) == ("model", "popularity")
    assert model["map"] > popularity["map"]
    assert model["map_low"] <= model["map"] <= model["map_high"]


def test_the_referee_accepts_every_file(whole: Whole, files: Path, tmp_path: Path) -> None:
    truth, identities = whole.population.truth, files / "identities.parquet"
    exported = set(keys(pq.read_table(identities)))
    everybody = pq.read_table(truth / "identities.parquet")
    judged = tmp_path / "judged.parquet"
    pq.write_table(everybody.filter(pa.array([key in exported for key in keys(everybody)])), judged)
    scored = referee("identity", "--predicted", identities, "--truth", judged)
    own = whole.tessera.json("evaluate", "identity", "--truth", judged)
    assert abs(scored["pair_f1"] - own["pair_f1"]) < 1e-4
    tags = referee("tags", "--predicted", files / "tags.parquet", "--identities", identities, "--truth", truth / "labels.parquet")
    assert 0 < tags["p_at_5"] <= 1
    events = pq.read_table(whole.population.source / "events.parquet").filter(pc.is_valid(pc.field("account_id")))
    first, last = events.slice(0, len(events) // 2), events.slice(len(events) // 2)
    for name, half in (("seen", first), ("hidden", last)):
        pq.write_table(half, tmp_path / f"{name}.parquet")
    offers = ("--predicted", files / "recommendations.parquet", "--identities", identities)
    judged = referee("recommend", *offers, "--seen", tmp_path / "seen.parquet", "--truth", tmp_path / "hidden.parquet")
    assert judged["seen_offered"] == 0


def test_explanations(whole: Whole, files: Path) -> None:
    identities = pq.read_table(files / "identities.parquet")
    accounts = identities.filter(pc.equal(identities["kind"], "account"))
    devices = identities.filter(pc.equal(identities["kind"], "device"))
    joined = accounts.join(devices, "person_id", right_suffix="_device", join_type="inner").sort_by("id")
    row = joined.slice(0, 1).to_pylist()[0]
    left, right = f"account:{row['id']}", f"device:{row['id_device']}"
    found = whole.tessera.json("explain", left, right)
    assert found["links"]
    assert whole.tessera("explain", left, right).out.startswith(found["summary"])
    other = identities.filter(pc.not_equal(identities["person_id"], pa.scalar(row["person_id"]))).slice(0, 1).to_pylist()[0]
    assert whole.tessera.json("explain", left, f"{other['kind']}:{other['id']}")["summary"] != found["summary"]
