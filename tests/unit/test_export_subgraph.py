"""Subgraph files: each format gives back what was written, whatever the texts are, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ladybug
import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.errors import HomeNotWritable, InputError
from graph.export import SUBGRAPH_SUFFIXES, subgraph_bytes, write_subgraph
from graph.export.cypher_script import cypher_script, literal
from graph.export.model import clean_text, to_networkx
from graph.privacy import ReleaseClass, Released, Subgraph, SubgraphEdge, SubgraphLevel, SubgraphNode
from graph.privacy.released import _release

NASTY = [
    "",
    " ",
    "'",
    '"',
    "\\",
    "\\'",
    "\\u0027",
    "\\\\u0027 }) DETACH DELETE (n) //",
    "a\nb",
    "a\r\nb\rc",
    "\t",
    "<&>]]>",
    "音乐 🎵",
    "\x00\x0b\ufffe",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(), st.text(st.sampled_from("\\u0027'\"\n"), max_size=12))


def released(*names: str) -> Released[Subgraph]:
    """A subgraph of one person class with an edge to a tag of each name."""
    nodes = [SubgraphNode("c1", "Person", {"devices": "3+", "household": True, "people": 120})]
    nodes += [SubgraphNode(f"t{i}", "Tag", {"name": name, "people": 20 + 10 * i}) for i, name in enumerate(names)]
    edges = [SubgraphEdge("c1", node.node_id, "INTERESTED_IN", {"people": 20}) for node in nodes[1:]]
    return _release(Subgraph(SubgraphLevel.CLASS, tuple(nodes), tuple(edges), 20), ReleaseClass.AGGREGATE)


def _read(content: bytes, suffix: str) -> Any:
    """The written graph as networkx reads it, with what each format adds of its own taken off."""
    if suffix == ".json":
        return nx.node_link_graph(json.loads(content), edges="edges")
    found = nx.read_graphml(io.BytesIO(content)) if suffix == ".graphml" else nx.read_gexf(io.BytesIO(content))
    for _, _, properties in found.edges(data=True):
        properties.pop("id", None)
    return found


def _content(network: Any) -> Any:
    return dict(network.nodes(data=True)), {(a, b): properties for a, b, properties in network.edges(data=True)}


@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".json"])
@settings(max_examples=60, deadline=None)
@example(names=NASTY)
@given(names=st.lists(TEXT, max_size=5))
def test_networkx_reads_back_what_was_written(suffix: str, names: list[str]) -> None:
    subgraph = released(*names)
    read = _read(subgraph_bytes(subgraph, suffix), suffix)
    assert _content(read) == _content(to_networkx(subgraph.value))
    assert read.is_directed()
    assert read.nodes["c1"] == {"label": "Person", "devices": "3+", "household": True, "people": 120}
    for i, name in enumerate(names):
        assert read.nodes[f"t{i}"]["name"] == clean_text(name)
        assert read.edges["c1", f"t{i}"] == {"relationship": "INTERESTED_IN", "people": 20}


@given(TEXT)
def test_texts_keep_all_that_xml_can_hold(text: str) -> None:
    kept = clean_text(text)
    assert clean_text(kept) == kept
    if text.isprintable():
        assert kept == text


@pytest.mark.parametrize("suffix", SUBGRAPH_SUFFIXES)
def test_a_file_is_the_same_each_time_and_has_a_manifest(suffix: str, tmp_path: Path) -> None:
    subgraph = released(*NASTY)
    path = tmp_path / "new folder" / f"out{suffix}"
    manifest = write_subgraph(subgraph, path)
    assert path.read_bytes() == subgraph_bytes(subgraph, suffix) == subgraph_bytes(released(*NASTY), suffix)
    assert manifest.counts == {"nodes": len(NASTY) + 1, "edges": len(NASTY)}
    assert json.loads(path.with_name(f"out{suffix}.manifest.json").read_text()) == {
        "file": f"out{suffix}",
        "level": "class",
        "k": "20",
        "counts": dict(manifest.counts),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize("name", ["out.xml", "out", "out.GEXF", "out.json.gz"])
def test_another_suffix_is_an_error_that_names_the_allowed_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.graphml, \.gexf, \.json, \.cypher"):
        write_subgraph(released("a"), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for suffix in SUBGRAPH_SUFFIXES:
        with pytest.raises(HomeNotWritable) as caught:
            write_subgraph(released("a"), tmp_path / "file" / f"out{suffix}")
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    with ladybug.Database(":memory:") as database, ladybug.Connection(database) as connection:
        yield connection


@settings(max_examples=150, deadline=None)
@example("\\u0027")
@example("\\\\U0001F600'")
@given(TEXT)
def test_a_literal_is_the_text_again_when_ladybug_reads_it(store: Any, text: str) -> None:
    assert store.execute(f"RETURN {literal(text)} AS t").get_all() == [[clean_text(text)]]


@given(TEXT)
def test_no_literal_holds_what_neo4j_would_resolve_before_parsing(text: str) -> None:
    written = literal(text)
    assert "\\u" not in written.lower()
    assert "\n" not in written


def test_a_name_that_is_no_cypher_name_is_refused() -> None:
    subgraph = released("a").value
    for label in ("Person) DETACH DELETE (n", "", "`", "Per son"):
        spoilt = dataclasses.replace(subgraph, nodes=(dataclasses.replace(subgraph.nodes[0], label=label),), edges=())
        with pytest.raises(ValueError, match="no Cypher name"):
            list(cypher_script(spoilt))
