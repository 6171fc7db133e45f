"""The catalogue: every file can be read and is whole, whatever reads it; overlays keep the shared statement's face."""

from __future__ import annotations

import re
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

import cypher
from cypher.catalogue import DIALECTS, GROUPS
from cypher.statement import parse
from graph.schema import NODES, RELATIONSHIPS

ANALYST = {
    "who_is_device",
    "who_is_account",
    "person_timeline",
    "shared_devices",
    "people_by_tag",
    "tag_overlap",
    "neighbours_in_two_hops",
    "recent_merges",
    "audience_composition",
    "generic_identifiers",
    "cross_device_pairs",
    "why_same_person",
    "top_contents_of_tag",
    "data_freshness",
}


def everything() -> list[tuple[str, str]]:
    shared = [(name, dialect) for name in cypher.names(*GROUPS) for dialect in DIALECTS]
    folders = {dialect: Path(str(files("cypher"))) / "dialects" / dialect for dialect in DIALECTS}
    return shared + [(file.stem, dialect) for dialect, folder in folders.items() for file in folder.glob("*.cypher")]


@pytest.mark.parametrize(("name", "dialect"), everything())
def test_a_statement_uses_what_it_declares(name: str, dialect: str) -> None:
    statement = cypher.load(name, dialect)
    assert set(re.findall(r"\$(\w+)", statement.text)) == {p.name for p in statement.parameters}
    assert set(re.findall(r"<<(\w+)>>", statement.text)) == set(statement.slots)
    assert statement.summary.endswith(".")
    filled = statement.fill(**dict.fromkeys(statement.slots, "x"))
    assert "<<" not in filled
    assert ";" not in filled


def test_the_analysts_queries_are_there() -> None:
    assert set(cypher.names("analyst")) == ANALYST
    assert len(ANALYST) >= 12


@pytest.mark.parametrize("name", cypher.names())
def test_what_users_may_run_only_reads(name: str) -> None:
    for dialect in DIALECTS:
        statement = cypher.load(name, dialect)
        assert statement.mode == "read"
        assert not statement.slots
        assert not re.search(r"\b(CREATE|MERGE|SET|DELETE|REMOVE|DROP|CALL|LOAD|COPY)\b", statement.text)


@pytest.mark.parametrize("name", cypher.names())
def test_lists_are_ordered_and_bounded(name: str) -> None:
    statement = cypher.load(name, "neo4j")
    assert "ORDER BY" in statement.text or name == "data_freshness"
    limits = [p for p in statement.parameters if p.name == "limit"]
    assert bool(limits) == ("LIMIT $limit" in statement.text)
    assert all((p.default, p.least, p.most) == (100, 1, 10_000) for p in limits)


@pytest.mark.parametrize("name", cypher.names())
def test_labels_types_and_properties_are_those_of_the_schema(name: str) -> None:
    text = cypher.load(name, "neo4j").text
    labels = set(re.findall(r"\(\w*:(\w+)", text))
    kinds = {kind for found in re.findall(r"\[\w*:([\w|]+)", text) for kind in found.split("|")}
    kinds_of = (*NODES.values(), *RELATIONSHIPS.values())
    properties = {name for kind in kinds_of for name in kind.properties} | {node.key for node in NODES.values()}
    assert labels <= set(NODES)
    assert kinds <= set(RELATIONSHIPS)
    assert set(re.findall(r"\b[a-z]\.(\w+)", text)) <= properties


def test_columns_about_people_say_so() -> None:
    """The API decides by them whom an answer is about."""
    kinds = {"person_id": "person", "device_id": "device", "account_id": "account"}
    for statement in cypher.readable():
        for column in statement.columns:
            for ending, kind in kinds.items():
                assert not column.name.endswith(ending) or column.kind == kind, (statement.name, column.name)


def test_an_unknown_name_offers_those_like_it() -> None:
    with pytest.raises(cypher.UnknownStatement) as caught:
        cypher.load("who_is_devise", "neo4j")
    assert caught.value.near[0] == "who_is_device"
    for name in ("../catalogue", "read/person", ""):
        with pytest.raises(cypher.UnknownStatement):
            cypher.load(name, "ladybug")


@pytest.mark.parametrize(
    "source",
    [
        "MATCH (n) RETURN n",
        "// summary: x\n// mode: sometimes\nRETURN 1",
        "// summary: x\n// mode: read\n",
        "// summary: x\n// mode: read\n// parameter: limit\nRETURN 1",
        "// summary: x\n// mode: read\n// parameter: limit colour: x\nRETURN 1",
        "// summary: x\n// mode: read\n// column: !\nRETURN 1",
    ],
)
def test_a_file_that_is_not_whole_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="statement broken"):
        parse("broken", "read", source)


def test_slots_take_no_more_and_no_less() -> None:
    statement = cypher.load("count_nodes", "neo4j")
    assert statement.fill(label="Person") == "MATCH (n:Person) RETURN count(n) AS count"
    for wrong in ({}, {"label": "Person", "more": "x"}):
        with pytest.raises(ValueError, match="has the slots label"):
            statement.fill(**wrong)


def test_a_wheel_holds_every_statement(tmp_path: Path) -> None:
    build = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds the wheel, and is not installed here")
    wheel = next(iter(build.WheelBuilder(str(Path(__file__).parents[2])).build(directory=str(tmp_path), versions=["standard"])))
    held = {Path(name).stem for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".cypher")}
    assert held == {name for name, _ in everything()}
