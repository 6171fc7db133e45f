"""Subgraphs of both levels against checkers that share no code with what they check."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from privacy_samples import CALLER, KEY, NOW, TAGS, everybody, gate_over, population

from graph.control import ConsentRecord, Control, sqlite_url
from graph.privacy import DenialReason, Denied, GateSettings, ReleaseClass, Released, Subgraph, SubgraphLevel
from graph.privacy.anonymity import anonymous, person_graph
from graph.privacy.classes import class_graph
from graph.privacy.stars import Device, Star, stars
from graph.privacy.tiers import second_tier
from graph.schema import Edge, Label, Type
from graph.snapshot import Snapshot

NAMES = {tag: name for tag, name, _, _ in TAGS}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        opened.tenants.ensure("acme", now=NOW)
        yield opened


def smallest_class(subgraph: Subgraph) -> int:
    """People in the smallest class of those whose whole surroundings in the subgraph look the same: what an attacker who knows
    everything that is told of somebody is left with."""
    nodes = {node.node_id: (node.label, tuple(sorted(node.properties.items()))) for node in subgraph.nodes}
    around: dict[str, list[Any]] = defaultdict(list)
    for edge in subgraph.edges:
        around[edge.source].append(("out", edge.type, nodes[edge.target]))
        around[edge.target].append(("in", edge.type, nodes[edge.source]))
    people = [node.node_id for node in subgraph.nodes if node.label == "Person"]
    seen = Counter((nodes[p], tuple(sorted(map(repr, around[p])))) for p in people)
    return min(seen.values())


def told(snapshot: Snapshot, person: str) -> tuple[Any, ...]:
    """What a subgraph may tell of a person, read from the snapshot's rows one by one."""
    devices = {row["device_id"]: row for row in snapshot.nodes[Label.DEVICE].to_pylist()}

    def ends(kind: Type, source: Label, target: Label, at: str, other: str) -> list[dict[str, Any]]:
        return [row for row in snapshot.relationships[Edge(kind, source, target)].to_pylist() if row[at] == other]

    own = [devices[row["source"]] for row in ends(Type.BELONGS_TO, Label.DEVICE, Label.PERSON, "target", person)]
    described = sorted(
        (
            row["kind"] if row["kind"] in ("desktop", "mobile", "tablet", "tv", "web", "app") else "other",
            {"Windows 10": "windows", "iOS 17.1": "ios", "Android 14": "android", "Ubuntu": "linux"}.get(row["os"], "other"),
        )
        for row in own
    )
    accounts = len(ends(Type.BELONGS_TO, Label.ACCOUNT, Label.PERSON, "target", person))
    homes = [row["target"] for row in ends(Type.LIVES_IN, Label.PERSON, Label.HOUSEHOLD, "source", person)]
    household = any(len(ends(Type.LIVES_IN, Label.PERSON, Label.HOUSEHOLD, "target", home)) > 1 for home in homes)
    weight: dict[str, float] = defaultdict(float)
    for row in ends(Type.INTERESTED_IN, Label.PERSON, Label.TAG, "source", person):
        rolled = {"raw-t3": NAMES["raw-t2"], "raw-t4": NAMES["raw-t2"], "raw-t9": NAMES["raw-t8"]}.get(row["target"])
        if rolled is not None:
            weight[rolled] += row["probability"]
    tag = min(weight, key=lambda name: (-weight[name], name)) if weight else None
    return described[:3], len(own) > 3, min(accounts, 2), accounts > 2, household, tag


def test_a_star_tells_what_the_rows_say_generalised() -> None:
    seed = random.randrange(2**32)
    snapshot = population(60, seed)
    people = everybody(60)
    found = stars(snapshot, pa.array(people), frozenset())
    assert [star.person_id for star in found] == people
    for star in found:
        devices = [(d.kind, d.os) for d in star.devices]
        assert (devices, star.more_devices, len(star.accounts), star.more_accounts, star.household, star.tag) == told(
            snapshot, star.person_id
        ), (seed, star.person_id)


def test_a_piece_without_tables_has_bare_people() -> None:
    assert stars(Snapshot("home", {}, {}), pa.array(["p"]), frozenset()) == [Star("p", (), False, (), False, False, None)]


@pytest.mark.parametrize(
    ("rows", "sensitive", "expected"),
    [
        pytest.param([("a", None), ("b", "a"), ("c", "b"), ("d", "c")], (), {"b": "B", "c": "B", "d": "B"}, id="leaves roll up"),
        pytest.param([("a", None), ("b", "a")], (), {}, id="a second tier without children is a leaf"),
        pytest.param([("a", None), ("b", None)], (), {}, id="a flat taxonomy is all leaves"),
        pytest.param([("a", None), ("b", "a"), ("c", "b"), ("d", "b")], ("c",), {"b": "B", "d": "B"}, id="a sensitive leaf"),
        pytest.param([("a", None), ("b", "a"), ("c", "b")], ("B",), {}, id="under a sensitive tag, by name"),
        pytest.param([("a", None), ("b", "a"), ("c", "b")], ("a",), {}, id="under a sensitive root"),
        pytest.param([("a", "c"), ("b", "a"), ("c", "b")], (), {}, id="a circle has no tiers"),
    ],
)
def test_tags_roll_up_to_the_second_tier(
    rows: list[tuple[str, str | None]], sensitive: tuple[str, ...], expected: dict[str, str]
) -> None:
    tags = pa.table({"tag_id": [r[0] for r in rows], "name": [r[0].upper() for r in rows], "sensitive": [False] * len(rows)})
    parents = pa.table(
        {
            "source": pa.array([r[0] for r in rows if r[1]], pa.string()),
            "target": pa.array([r[1] for r in rows if r[1]], pa.string()),
        }
    )
    assert second_tier(tags, parents, sensitive) == expected


DEVICES = st.builds(Device, st.sampled_from(["mobile", "web"]), st.sampled_from(["ios", "linux", "other"]), st.uuids().map(str))
STARS = st.builds(
    Star,
    st.uuids().map(str),
    st.lists(DEVICES, max_size=3).map(lambda ds: tuple(sorted(ds))),
    st.just(False),
    st.lists(st.uuids().map(str), max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "Sports", "Music"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STARS, min_size=1, max_size=120), st.integers(2, 6))
def test_everybody_told_has_k_minus_one_others_alike(people: list[Star], k: int) -> None:
    rows = anonymous(people, k)
    subgraph = person_graph(rows, KEY, k)
    assert not rows or smallest_class(subgraph) >= k
    assert len({node.node_id for node in subgraph.nodes}) == len(subgraph.nodes)
    # Nobody is left out whom the coarsest telling would have hidden.
    left = Counter((len(s.devices), s.more_devices, len(s.accounts), s.more_accounts) for s in people)
    for row in rows:
        left[(len(row.star.devices), row.star.more_devices, len(row.star.accounts), row.star.more_accounts)] -= 1
    assert max(left.values()) < k


@settings(max_examples=60, deadline=None)
@given(st.lists(STARS, max_size=120), st.integers(1, 6), st.integers(1, 5))
def test_class_counts_are_counts_of_distinct_people(people: list[Star], k: int, step: int) -> None:
    subgraph = class_graph(people, k=k, step=step)
    expected: dict[tuple[Any, ...], int] = {}
    for kind, os in {(d.kind, d.os) for s in people for d in s.devices}:
        having = sum(any((d.kind, d.os) == (kind, os) for d in s.devices) for s in people)
        expected["Device", kind, os] = having
    for tag in {s.tag for s in people if s.tag}:
        expected["Tag", tag] = sum(s.tag == tag for s in people)
    if any(s.accounts for s in people):
        expected["Account",] = sum(bool(s.accounts) for s in people)
    for shape in {_shape(s) for s in people}:
        expected["Person", *shape] = sum(_shape(s) == shape for s in people)
    counted = {
        (node.label, *(v for n, v in node.properties.items() if n != "people")): node.properties["people"]
        for node in subgraph.nodes
    }
    assert counted == {name: n - n % step for name, n in expected.items() if n >= k}
    ids = {node.node_id: node for node in subgraph.nodes}
    for edge in subgraph.edges:
        source, target = ids[edge.source], ids[edge.target]
        own = [s for s in people if _joins(s, source, target)]
        assert len(own) >= k
        assert edge.properties == {"people": len(own) - len(own) % step}


def _shape(star: Star) -> tuple[str, str, bool]:
    return (
        f"{len(star.accounts)}{'+' if star.more_accounts else ''}",
        f"{len(star.devices)}{'+' if star.more_devices else ''}",
        star.household,
    )


def _joins(star: Star, *ends: Any) -> bool:
    """True when the star has both ends."""
    has = {
        "Person": lambda p: (p["accounts"], p["devices"], p["household"]) == _shape(star),
        "Device": lambda p: any((d.kind, d.os) == (p["kind"], p["os"]) for d in star.devices),
        "Tag": lambda p: star.tag == p["name"],
        "Account": lambda p: bool(star.accounts),
    }
    return all(has[end.label](end.properties) for end in ends)


@pytest.mark.parametrize("level", list(SubgraphLevel))
def test_a_released_subgraph_names_nobody_and_hides_everybody(control: Control, level: SubgraphLevel) -> None:
    snapshot, people = population(1500, 1), everybody(1500)
    gate = gate_over(control, people)
    answer = gate.subgraph(snapshot, people, name="everybody", recipient="analyst", caller=CALLER, level=level)
    assert isinstance(answer, Released)
    assert answer.release_class is (ReleaseClass.AGGREGATE if level is SubgraphLevel.CLASS else ReleaseClass.ROW_LIST)
    assert "raw-" not in repr(answer.value)
    assert {node.label for node in answer.value.nodes} == {"Person", "Device", "Account", "Tag"}
    assert {name for node in answer.value.nodes for name in node.properties} <= {
        *("devices", "accounts", "household", "kind", "os", "name", "people"),
    }
    if level is SubgraphLevel.PERSON:
        assert smallest_class(answer.value) >= 20
        owners = Counter(edge.source for edge in answer.value.edges if edge.type == "BELONGS_TO")
        assert max(owners.values()) == 1, "no device joins two people"
        assert [n.node_id for n in answer.value.nodes] == sorted(n.node_id for n in answer.value.nodes)
        off = GateSettings(k=1)
        bare = gate_over(control, people, settings=off).subgraph(
            snapshot, people, name="everybody", recipient="analyst", caller=CALLER, level=level
        )
        assert isinstance(bare, Released)
        assert smallest_class(bare.value) == 1, "without k somebody is alone"
    else:
        counts = [end.properties["people"] for end in (*answer.value.nodes, *answer.value.edges)]
        assert all(isinstance(n, int) and n >= 20 and n % 10 == 0 for n in counts)


def test_an_equal_subgraph_is_the_same_and_another_has_other_pseudonyms(control: Control) -> None:
    people = everybody(1500)
    gate = gate_over(control, people)

    def nodes(snapshot: Snapshot, recipient: str = "analyst") -> set[str]:
        answer = gate.subgraph(snapshot, people, name="everybody", recipient=recipient, caller=CALLER, level=SubgraphLevel.PERSON)
        assert isinstance(answer, Released)
        return {node.node_id for node in answer.value.nodes}

    first = nodes(population(1500, 1))
    assert nodes(population(1500, 1)) == first
    assert not nodes(population(1500, 2)) & first, "the next snapshot cannot be joined"
    assert not nodes(population(1500, 1), "another") & first


@pytest.mark.parametrize("level", list(SubgraphLevel))
def test_subgraphs_keep_the_rules_of_lists(control: Control, level: SubgraphLevel) -> None:
    snapshot, people = population(1500, 1), everybody(1500)
    gate = gate_over(control, people, silent=people[1400:])

    def ask(chosen: list[str]) -> Any:
        return gate.subgraph(snapshot, chosen, name="piece", recipient="analyst", caller=CALLER, level=level)

    few = ask(people[: 99 if level is SubgraphLevel.CLASS else 999])
    assert isinstance(few, Denied)
    assert few.reason is DenialReason.TOO_FEW
    assert isinstance(ask(people), Released)
    near = ask(people[1:])
    assert isinstance(near, Denied)
    assert near.reason is DenialReason.TOO_SIMILAR
    control.consents.append([ConsentRecord("account", f"{people[3]}-account", NOW, gpc=True)], now=NOW)
    withdrawn = ask(people)
    assert isinstance(withdrawn, Denied), "one person less is one person told"
    assert control.audit.latest(1)[0].reason == "too_similar"


def test_a_person_can_be_in_no_subgraph_without_consent(control: Control) -> None:
    snapshot, people = population(1500, 1), everybody(1500)
    silent = people[:300]
    answer = gate_over(control, people, silent=silent).subgraph(
        snapshot, people, name="everybody", recipient="analyst", caller=CALLER
    )
    assert isinstance(answer, Released)
    classes = [node for node in answer.value.nodes if node.label == "Person"]
    assert sum(int(node.properties["people"]) for node in classes) <= 1200
