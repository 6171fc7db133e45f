"""A small made-up population, and that it is read as it should be. Other tests of `gnn` take their population from here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lake_tables import KEY, connect, minutes

from gnn.features.population import Population, population
from graph import resolution as resolved
from graph.resolution import Resolution

TOPICS = {
    "jazz": ["saxophone quartet live", "swing standards", "bebop trumpet session", "jazz piano trio"],
    "football": ["league cup final", "striker scores twice", "goalkeeper saves penalty", "football transfer news"],
    "cooking": ["slow roast lamb", "fresh pasta recipe", "baking sourdough bread", "spicy lentil soup"],
}


def resolution_of(persons: dict[str, list[tuple[str, str]]]) -> Resolution:
    """Persons by id, each a list of (kind, id)."""
    members = [
        {"kind": k, "id": i, "person_id": p, "confidence": 1.0, "class": "person"} for p, ms in persons.items() for k, i in ms
    ]
    rows = [{"person_id": p, "class": "person"} for p in persons]
    return Resolution(
        members=pa.Table.from_pylist(members, schema=resolved.MEMBERS),
        persons=pa.Table.from_pylist(rows, schema=resolved.PERSONS),
        evidence=resolved.EVIDENCE.empty_table(),
        signed_in=resolved.SIGNED_IN.empty_table(),
        has_identifier=resolved.HAS_IDENTIFIER.empty_table(),
        identifiers=resolved.IDENTIFIERS.empty_table(),
        seen_on=resolved.SEEN_ON.empty_table(),
        networks=resolved.NETWORKS.empty_table(),
    )


def world(
    persons: int = 120,
    *,
    seed: int = 0,
    labelled: float = 0.7,
    opaque: bool = False,
    tagging: bool = True,
    random_labels: bool = False,
) -> dict[str, Any]:
    """Rows of a lake: each person likes one or two topics and mostly engages with their contents."""
    generator = np.random.default_rng(seed)
    names = sorted(TOPICS)
    contents = [
        {"content_id": f"{t}{i}", "title": f"t{10000 + 97 * i}" if opaque else TOPICS[t][i % 4] + f" part {i}"}
        for t in names
        for i in range(12)
    ]
    events, labels, relations = [], [], []
    likes = [set(generator.choice(names, generator.integers(1, 3), replace=False).tolist()) for _ in range(persons)]
    for p in range(persons):
        pool = [f"{t}{i}" for t in sorted(likes[p]) for i in range(12)]
        chosen = (
            generator.choice(pool, 6, replace=False).tolist() + generator.choice([c["content_id"] for c in contents], 2).tolist()
        )
        for n, content in enumerate(chosen):
            events.append(
                {
                    "event_id": f"e{p}.{n}",
                    "at": minutes(n),
                    "type": "view",
                    "account_id": f"a{p}",
                    "content_id": content,
                    "weight": 1.0,
                }
            )
        if p % 10 < labelled * 10:
            tags = set(generator.choice(names, 1).tolist()) if random_labels else likes[p]
            labels += [{"subject_kind": "account", "subject_id": f"a{p}", "tag": t, "value": 1.0} for t in sorted(tags)]
            content = chosen[0]
            if random_labels:  # a content of their own, so that their tagging stands out
                content = f"own{p}"
                view = {"event_id": f"o{p}", "at": minutes(50), "type": "view", "account_id": f"a{p}", "content_id": content}
                events.append(view)
            for t in sorted(tags) if tagging else []:
                events.append(
                    {
                        "event_id": f"t{p}.{t}",
                        "at": minutes(60),
                        "type": "tag",
                        "account_id": f"a{p}",
                        "content_id": content,
                        "text": t,
                    }
                )
        friend = int(generator.integers(persons))
        if likes[friend] & likes[p]:
            relations.append(
                {"from_kind": "account", "from_id": f"a{p}", "to_kind": "account", "to_id": f"a{friend}", "type": "friend"}
            )
    return {"events": events, "labels": labels, "relations": relations, "contents": contents, "likes": likes}


def read(rows: dict[str, Any], persons: int = 120) -> Population:
    connection = connect(**{k: v for k, v in rows.items() if k != "likes"})
    found = resolution_of({f"person-{9999 - i}": [("account", f"a{i}")] for i in range(persons)})
    return population(connection, found, found.persons.column("person_id").combine_chunks(), key=KEY)


def test_persons_are_ordered_by_their_smallest_member_whatever_their_ids() -> None:
    persons = {"zz": [("account", "a1"), ("device", "d9")], "mm": [("device", "d0")], "aa": [("account", "b")]}
    found = resolution_of(persons)
    data = population(connect(), found, pa.array(["zz", "mm", "aa"]), key=KEY)
    assert data.person_ids.to_pylist() == ["zz", "aa", "mm"]
    assert (data.contents, data.engagement.nnz, data.tags, data.as_of) == (0, 0, [], None)


def test_only_eligible_persons_are_read_and_members_add_up() -> None:
    events = [
        {"event_id": "1", "at": minutes(0), "account_id": "a", "content_id": "c", "weight": 2.0},
        {"event_id": "2", "at": minutes(1), "device_id": "d", "content_id": "c", "weight": float("nan")},
        {"event_id": "3", "at": minutes(2), "device_id": "d", "account_id": "x", "content_id": "c"},
        {"event_id": "4", "at": minutes(3), "device_id": "d", "url": "https://example.com/page"},
    ]
    found = resolution_of({"one": [("account", "a"), ("device", "d")], "two": [("account", "x")]})
    data = population(connect(events=events), found, pa.array(["one"]), key=KEY)
    assert data.person_ids.to_pylist() == ["one"]
    assert data.content_ids == ["c", "https://example.com/page"]
    assert data.engagement.toarray()[0] == pytest.approx([np.log1p(3), np.log1p(1)])
    assert data.as_of == minutes(3)


def test_an_address_with_an_email_is_no_content_id() -> None:
    events = [{"event_id": "1", "at": minutes(0), "account_id": "a", "url": "https://example.com/u?email=jo@example.com"}]
    found = resolution_of({"one": [("account", "a")]})
    data = population(connect(events=events), found, pa.array(["one"]), key=KEY)
    assert data.content_ids == ["https://example.com/u"]


def test_tagging_is_kept_apart_from_engagement() -> None:
    events = [
        {"event_id": "1", "at": minutes(0), "account_id": "a", "content_id": "c", "type": "view"},
        {"event_id": "2", "at": minutes(0), "account_id": "a", "content_id": "d", "type": "tag", "text": "rock"},
        {"event_id": "3", "at": minutes(0), "account_id": "a", "content_id": "e", "type": "search", "text": "rock"},
        {"event_id": "4", "at": minutes(0), "account_id": "a", "content_id": "f", "type": "search", "text": "weather"},
    ]
    labels = [{"subject_kind": "account", "subject_id": s, "tag": "rock", "value": 1.0} for s in "abcde"]
    labels += [{"subject_kind": "account", "subject_id": s, "tag": "rare"} for s in "abcd"]
    found = resolution_of({s: [("account", s)] for s in "abcde"})
    data = population(connect(events=events, labels=labels), found, pa.array(list("abcde")), key=KEY)
    assert [data.content_ids[c] for c in data.engagement.indices] == ["c", "f"]
    assert [data.content_ids[c] for c in data.tagged.content] == ["d", "e"]
    assert (data.tags, data.skipped) == (["rock"], ["rare"])


def test_labels_of_a_persons_members_are_averaged_and_zero_is_negative() -> None:
    labels = [{"subject_kind": "account", "subject_id": s, "tag": "t", "value": 1.0} for s in "abcde"]
    labels += [{"subject_kind": "device", "subject_id": "d", "tag": "t", "value": 0.0}]
    labels += [{"subject_kind": "device", "subject_id": "e", "tag": "t", "value": 0.0}]
    persons = {s: [("account", s)] for s in "abcde"} | {"both": [("account", "z"), ("device", "d")], "no": [("device", "e")]}
    labels.append({"subject_kind": "account", "subject_id": "z", "tag": "t", "value": 1.0})
    data = population(connect(labels=labels), resolution_of(persons), pa.array(list(persons)), key=KEY)
    values = dict(zip(data.person_ids.to_pylist(), data.labels[:, 0].tolist(), strict=True))
    assert values == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "both": 0.5, "no": 0}
    assert data.labelled.all()
