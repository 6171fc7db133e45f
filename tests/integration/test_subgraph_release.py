"""A whole identity graph through the gate into files of every format: they name nobody, and all readers find the same in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ladybug
import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from privacy_samples import CALLER, NOW, TAGS, everybody, gate_over, population

from graph.control import Control, sqlite_url
from graph.export import SUBGRAPH_SUFFIXES, write_subgraph
from graph.export.cypher_script import literal
from graph.privacy import GateSettings, Released, Subgraph, SubgraphLevel
from graph.schema import Label
from graph.snapshot import Snapshot

PEOPLE = everybody(1500)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as opened:
        opened.tenants.ensure("acme", now=NOW)
        yield opened


def _release(control: Control, snapshot: Snapshot, level: SubgraphLevel, people: list[str] = PEOPLE) -> Released[Subgraph]:
    gate = gate_over(control, people, settings=GateSettings(minimum_rows=20, minimum_file_rows=20, minimum_difference=0))
    answer = gate.subgraph(snapshot, people, name="everybody", recipient="analyst", caller=CALLER, level=level)
    assert isinstance(answer, Released)
    return answer


@pytest.fixture(scope="module", params=list(SubgraphLevel), ids=str)
def released(request: pytest.FixtureRequest, control: Control) -> Released[Subgraph]:
    return _release(control, population(len(PEOPLE), 5), request.param)


def _statements(path: Path) -> list[str]:
    return [line for line in path.read_text().split("\n") if line and not line.startswith("//")]


def _expected(subgraph: Subgraph) -> tuple[Counter[str], Counter[str]]:
    nodes = Counter(json.dumps([n.label, {"node_id": n.node_id, **n.properties}], sort_keys=True) for n in subgraph.nodes)
    edges = Counter(json.dumps([e.source, e.type, e.target, dict(e.properties)], sort_keys=True) for e in subgraph.edges)
    return nodes, edges


def _found(nodes: list[tuple[str, dict[str, Any]]], edges: list[tuple[str, str, str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """The same, from a store's rows; a property that a node has not may be null there."""
    plain = [(label, {n: v for n, v in properties.items() if v is not None}) for label, properties in nodes]
    return (
        Counter(json.dumps([label, properties], sort_keys=True) for label, properties in plain),
        Counter(json.dumps([a, t, b, {} if p is None else {"people": p}], sort_keys=True) for a, t, b, p in edges),
    )


def test_all_formats_hold_the_same_graph(released: Released[Subgraph], tmp_path: Path) -> None:
    for suffix in SUBGRAPH_SUFFIXES:
        write_subgraph(released, tmp_path / f"out{suffix}")
    read = {
        ".graphml": nx.read_graphml(tmp_path / "out.graphml"),
        ".gexf": nx.read_gexf(tmp_path / "out.gexf"),
        ".json": nx.node_link_graph(json.loads((tmp_path / "out.json").read_text()), edges="edges"),
    }
    for suffix, network in read.items():
        assert network.number_of_nodes() == len(released.value.nodes) > 3, suffix
        assert network.number_of_edges() == len(released.value.edges) > 3, suffix
        for node in released.value.nodes:
            assert network.nodes[node.node_id] == {"label": node.label, **node.properties}, suffix
        for edge in released.value.edges:
            properties = {n: v for n, v in network.edges[edge.source, edge.target].items() if n != "id"}
            assert properties == {"relationship": edge.type, **edge.properties}, suffix


def test_the_script_makes_the_graph_in_ladybug(released: Released[Subgraph], tmp_path: Path) -> None:
    write_subgraph(released, tmp_path / "out.cypher")
    types = {str: "STRING", int: "INT64", bool: "BOOL"}
    with ladybug.Database(str(tmp_path / "store")) as database, ladybug.Connection(database) as store:
        columns: dict[str, dict[str, str]] = {}
        for node in released.value.nodes:
            columns.setdefault(node.label, {}).update({n: types[type(v)] for n, v in node.properties.items()})
        for label, properties in columns.items():
            listed = "".join(f", {n} {t}" for n, t in properties.items())
            store.execute(f"CREATE NODE TABLE {label} (node_id STRING PRIMARY KEY{listed})")
        store.execute("CREATE REL TABLE BELONGS_TO (FROM Device TO Person, FROM Account TO Person, people INT64)")
        store.execute("CREATE REL TABLE INTERESTED_IN (FROM Person TO Tag, people INT64)")
        for statement in _statements(tmp_path / "out.cypher"):
            store.execute(statement)
        nodes = [
            (label, dict(zip(["node_id", *properties], row, strict=True)))
            for label, properties in columns.items()
            for row in store.execute(f"MATCH (n:{label}) RETURN n.node_id{''.join(f', n.{p}' for p in properties)}").get_all()
        ]
        edges = [
            (a, kind, b, people)
            for kind in ("BELONGS_TO", "INTERESTED_IN")
            for a, b, people in store.execute(f"MATCH (a)-[r:{kind}]->(b) RETURN a.node_id, b.node_id, r.people").get_all()
        ]
    assert _found(nodes, edges) == _expected(released.value)


def test_the_script_makes_the_graph_in_neo4j(control: Control, empty_neo4j: str, tmp_path: Path) -> None:
    import neo4j

    released = _release(control, population(len(PEOPLE), 5), SubgraphLevel.CLASS)
    write_subgraph(released, tmp_path / "out.cypher")
    scheme, rest = empty_neo4j.split("://")
    credentials, address = rest.rsplit("@", 1)
    user, password = credentials.split(":", 1)
    with neo4j.GraphDatabase.driver(f"{scheme}://{address}", auth=(user, password)) as driver, driver.session() as session:
        for text in ("'", "\\", "\\u0027", "\\\\u0027 }) DETACH DELETE (n) //", "\\U0001F600", "a\nb\t", "音乐 🎵", ""):
            row = session.run(f"RETURN {literal(text)} AS t").single()  # type: ignore[arg-type]
            assert row is not None
            assert row["t"] == text
        for statement in _statements(tmp_path / "out.cypher"):
            session.run(statement.removesuffix(";")).consume()  # type: ignore[arg-type]
        nodes = [(row["l"], row["p"]) for row in session.run("MATCH (n) RETURN labels(n)[0] AS l, properties(n) AS p")]
        edges = [
            (row["a"], row["t"], row["b"], row["p"])
            for row in session.run("MATCH (a)-[r]->(b) RETURN a.node_id AS a, type(r) AS t, b.node_id AS b, r.people AS p")
        ]
    assert _found(nodes, edges) == _expected(released.value)


def _raw_texts(snapshot: Snapshot) -> set[str]:
    """Every key and every text of the input but the names of tags of the second tier, which are meant to be told."""
    texts: set[str] = set()
    for label, table in snapshot.nodes.items():
        for name in table.column_names:
            if label is not Label.TAG or name == "tag_id":
                texts |= {v for v in table[name].to_pylist() if isinstance(v, str)}
    for table in snapshot.relationships.values():
        texts |= {v for name in ("source", "target") for v in table[name].to_pylist()}
    texts |= {name for tag, name, _, _ in TAGS if tag not in ("raw-t2", "raw-t8")}
    return {text for text in texts if len(text) > 8}  # "mobile" and "Ubuntu" are told, generalised


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), level=st.sampled_from(SubgraphLevel), count=st.integers(300, 400))
def test_no_id_of_the_input_is_in_any_file(
    control: Control, tmp_path_factory: pytest.TempPathFactory, seed: int, level: SubgraphLevel, count: int
) -> None:
    snapshot = population(count, seed)
    released, folder = _release(control, snapshot, level, everybody(count)), tmp_path_factory.mktemp("out")
    for suffix in SUBGRAPH_SUFFIXES:
        write_subgraph(released, folder / f"out{suffix}")
    for file in folder.iterdir():
        content = file.read_text()
        assert "raw-" not in content, file.name
        assert not [text for text in _raw_texts(snapshot) if text in content], file.name
        assert "date" not in content, file.name
