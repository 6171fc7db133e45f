"""What the core install does through the command line: everything but learning."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import Tessera
from conftest import Core, write_source, write_truth

from cypher import catalogue


def test_run_says_what_it_left_out_and_which_extra_brings_it(core: Core) -> None:
    assert "tessera[gnn]" in core.report["interests"]["skipped"]
    counts = core.report["graph"]
    assert (counts["Device"], counts["Account"], counts["Person"]) == (81, 41, 41)
    assert counts["BELONGS_TO"] == 122
    assert core.report["identities"]["members"] == 122
    read = {row["table"]: row["added"] for row in core.report["ingest"]}
    assert read == {"accounts": 41, "consents": 40, "devices": 81, "events": 240}


def test_ingest_and_resolve_one_by_one_give_the_same_graph(core: Core, tmp_path: Path) -> None:
    tessera = Tessera(tmp_path / "home")
    ingested = tessera.script.json("ingest", write_source(tmp_path / "source"))
    assert ingested["ingest"] == core.report["ingest"]
    assert tessera.script.json("resolve")["graph"] == core.report["graph"]
    again = tessera.json("ingest", tmp_path / "source")
    assert again["ingest"] == [
        {"source": "source", "table": "taken before: accounts.jsonl, consents.jsonl, devices.csv, events.csv"}
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_identities_are_exported_in_every_format(core: Core, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"identities.{suffix}"
    assert core.tessera.json("export", "identities", "--out", file) == {"file": str(file), "rows": 122, "withheld": 0}
    if suffix == "parquet":
        rows = pq.read_table(file).to_pylist()
    elif suffix == "csv":
        with file.open() as content:
            rows = list(csv.DictReader(content))
    else:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert list(rows[0]) == ["kind", "id", "person_id", "confidence"]
    person = {(row["kind"], row["id"]): row["person_id"] for row in rows}
    assert len(person) == 122
    assert len({person["account", "a0"], person["account", "a0-old"], person["device", "d0-0"], person["device", "d0-1"]}) == 1
    assert list(person.values()).count(person["device", "lonely"]) == 1


def test_cypher_named_and_from_standard_input(core: Core) -> None:
    (row,) = core.tessera.script.json("cypher", "who_is_device", "--param", "device_id=d0-0")
    assert (row["device_class"], row["devices"], row["accounts"]) == ("person", 2, 2)
    rows = core.tessera.json("cypher", "-", stdin="MATCH (d:Device) RETURN d.kind AS kind, count(*) AS n ORDER BY kind")
    assert rows == [{"kind": "desktop", "n": 40}, {"kind": "mobile", "n": 40}, {"kind": "tablet", "n": 1}]
    listed = core.tessera.json("cypher")
    assert {row["name"] for row in listed} == set(catalogue.names())


def test_explain_says_why_and_why_not(core: Core) -> None:
    found = core.tessera.json("explain", "account:a0", "account:a0-old")
    assert found["links"]
    assert {piece["method"] for link in found["links"] for piece in link["pieces"]} == {"records"}
    assert core.tessera.json("explain", "account:a0", "device:lonely")["links"] == []


def test_identity_is_evaluated_against_a_truth(core: Core, tmp_path: Path) -> None:
    metrics = core.tessera.json("evaluate", "identity", "--truth", write_truth(tmp_path / "truth.csv"))
    assert (metrics["records"], metrics["pair_f1"], metrics["missing"]) == (122, 1.0, 0)


def test_an_audience_by_rule_is_made_listed_and_released(core: Core, tmp_path: Path) -> None:
    definition = tmp_path / "definition.json"
    rule = {"all": [{"attribute": "country", "one_of": ["DE", "FR"]}, {"count": "devices", "minimum": 2}]}
    definition.write_text(json.dumps({"kind": "rule", "name": "two devices", "rule": rule}))
    made = core.tessera.json("audience", "create", definition)
    assert (made["name"], made["size"]) == ("two devices", 40)
    assert made["audience_id"] in [row["audience_id"] for row in core.tessera.json("audience", "list")]
    # Forty people are too few for a row list: the gate says so, in one line.
    line = core.tessera.refuses("audience", "export", made["audience_id"], "--recipient", "ads", "--out", tmp_path / "out.csv")
    assert line.startswith("not released: ")
    assert not (tmp_path / "out.csv").exists()


def test_what_needs_an_extra_says_which(core: Core, tmp_path: Path) -> None:
    assert "tessera[gnn]" in core.tessera.script.refuses("train")
    neo4j = core.tessera.with_settings(GRAPH_URL="neo4j://neo4j:wonderland@127.0.0.1:1")
    for arguments in (("cypher", "data_freshness"), ("resolve", "--quiet"), ("run", core.source, "--quiet")):
        line = neo4j.refuses(*arguments)
        assert "tessera[neo4j]" in line
        assert "wonderland" not in line
    for arguments in (("export", "tags"), ("export", "embeddings"), ("lookalike", "--seeds", core.source / "events.csv")):
        assert "run `tessera train` first" in core.tessera.refuses(*arguments, "--out", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
