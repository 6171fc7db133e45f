"""What may leave, by the command line: audiences, subgraphs, consent, keys; and the analysts' queries."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import Tessera
from conftest import Whole

from cypher import catalogue
from graph.lake import Lake

ANALYST = catalogue.names("analyst")


@pytest.fixture(scope="module")
def tessera(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    """A copy of the home in which a legal basis lets everybody who did not refuse be on a list."""
    return whole.copy(tmp_path_factory.mktemp("release")).with_settings(LEGAL_BASIS="legitimate_interest")


@pytest.fixture(scope="module")
def values(whole: Whole) -> dict[str, str]:
    """A value for every parameter that the catalogue's queries ask for."""
    (person,) = whole.tessera.json(
        "cypher", "-", stdin="MATCH (p:Person) WHERE p.devices > 1 AND p.accounts > 0 RETURN min(p.person_id) AS person_id"
    )
    reach = "MATCH (a:Account)-[:BELONGS_TO]->(p:Person)<-[:BELONGS_TO]-(d:Device) WHERE p.person_id = $person_id "
    (ends,) = whole.tessera.json(
        "cypher",
        "-",
        "--param",
        f"person_id={person['person_id']}",
        stdin=reach + "RETURN min(a.account_id) AS account_id, min(d.device_id) AS device_id",
    )
    (tag,) = whole.tessera.json("cypher", "-", stdin="MATCH (:Content)-[:ABOUT]->(t:Tag) RETURN min(t.tag_id) AS tag_id")
    return {**person, **ends, **tag, "audience_id": "none"}


@pytest.mark.parametrize("name", ANALYST)
def test_every_analyst_query_runs(whole: Whole, values: dict[str, str], name: str) -> None:
    statement = catalogue.load(name, "ladybug")
    given = [f"{p.name}={values[p.name]}" for p in statement.parameters if p.name in values]
    arguments = [part for pair in given for part in ("--param", pair)]
    rows = whole.tessera.json("cypher", name, *arguments)
    may_be_empty = {"audience_composition", "generic_identifiers", "people_by_tag", "tag_overlap"}
    assert rows or name in may_be_empty
    for row in rows:
        assert set(row) == {column.name for column in statement.columns}
    shown = whole.tessera("cypher", name, *arguments).out
    assert shown.startswith("(no rows)") != bool(rows)


def test_cypher_reads_unless_told_to_write(whole: Whole, tmp_path: Path) -> None:
    tessera = whole.copy(tmp_path)
    counted = "MATCH (a:Audience) RETURN count(*) AS n"
    create = "CREATE (:Audience {audience_id: 'by hand'})"
    tessera.refuses("cypher", "-", stdin=create)
    assert tessera.json("cypher", "-", stdin=counted) == [{"n": 0}]
    tessera("cypher", "-", "--write", stdin=create)
    assert tessera.json("cypher", "-", stdin=counted) == [{"n": 1}]


def test_an_audience_is_made_listed_and_too_small_to_leave(tessera: Tessera, tmp_path: Path) -> None:
    definition = tmp_path / "definition.json"
    rule = {"all": [{"count": "accounts", "minimum": 1}]}
    definition.write_text(json.dumps({"kind": "rule", "name": "with an account", "rule": rule}))
    made = tessera.json("audience", "create", definition)
    assert made["size"] > 100
    (listed,) = [row for row in tessera.json("audience", "list") if row["audience_id"] == made["audience_id"]]
    assert listed == {**made, "tenant": "default"}
    line = tessera.refuses("audience", "export", made["audience_id"], "--recipient", "ads", "--out", tmp_path / "rows.csv")
    assert line.startswith("not released: ")
    assert [file.name for file in tmp_path.iterdir()] == ["definition.json"]
    assert "another" not in tessera.refuses("audience", "export", "absent", "--recipient", "ads", "--out", tmp_path / "rows.csv")


def test_a_lookalike_audience_is_made(tessera: Tessera, whole: Whole, tmp_path: Path) -> None:
    labels = pq.read_table(whole.population.source / "labels.parquet").to_pylist()
    seeds = [{"kind": kind, "id": name} for kind, name in sorted({(r["subject_kind"], r["subject_id"]) for r in labels})[:60]]
    definition = tmp_path / "definition.json"
    definition.write_text(json.dumps({"kind": "lookalike", "name": "alike", "seeds": seeds, "size": 40}))
    assert tessera.json("audience", "create", definition)["size"] == 40


@pytest.mark.parametrize("suffix", ["graphml", "gexf", "json", "cypher"])
def test_a_subgraph_leaves_without_anybodys_id(tessera: Tessera, whole: Whole, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"subgraph.{suffix}"
    told = tessera.json("subgraph", "export", "--out", file)
    assert told["nodes"] > 0
    text = file.read_text()
    with Lake(tessera.home / "lake").connect() as connection:
        ids = [r[0] for r in connection.sql("SELECT device_id FROM devices UNION SELECT account_id FROM accounts").fetchall()]
    assert len(ids) > 1000
    assert not set(re.findall(r"[\w-]+", text)) & set(ids)


def test_consent_is_shown_and_a_withdrawal_works_at_once(whole: Whole, tmp_path: Path) -> None:
    tessera = whole.copy(tmp_path)
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    tessera("export", "tags", "--out", before)
    tessera("export", "identities", "--out", tmp_path / "identities.csv")
    with (tmp_path / "identities.csv").open() as content:
        person = {row["person_id"]: f"{row['kind']}:{row['id']}" for row in csv.DictReader(content)}
    with before.open() as content:
        chosen = next(iter(csv.DictReader(content)))["person_id"]
    subject = person[chosen]
    history = tessera.json("consent", "show", subject)
    tessera("consent", "set", subject, "--purposes", "")
    assert len(tessera.json("consent", "show", subject)) == len(history) + 1
    told = tessera.json("export", "tags", "--out", after)
    assert told["withheld"] > 0
    assert chosen in before.read_text()
    assert chosen not in after.read_text()
    tessera("consent", "set", subject, "--purposes", "1,3,4")
    tessera("export", "tags", "--out", after)
    assert chosen in after.read_text()


def test_keys_are_made_listed_and_revoked(tessera: Tessera) -> None:
    made = tessera.json("key", "create", "--scope", "all", "--name", "test")
    (listed,) = [row for row in tessera.json("key", "list") if row["key_id"] == made["key_id"]]
    assert (listed["name"], listed["tenant"], listed["revoked_at"]) == ("test", "default", None)
    assert made["token"] not in json.dumps(tessera.json("key", "list"))
    tessera("key", "revoke", made["key_id"])
    assert [r["revoked_at"] for r in tessera.json("key", "list") if r["key_id"] == made["key_id"]] != [None]
    assert "tessera key list" in tessera.refuses("key", "revoke", made["key_id"])
    assert "no scope" in tessera.refuses("key", "create", "--scope", "everything")
