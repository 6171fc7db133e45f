"""The in-memory index of who is who, against a plain dictionary."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from api.http.identities import IdentityIndex
from graph.resolution import MEMBERS, PERSONS, Resolution


def resolution(rows: list[tuple[str, str, str]]) -> Resolution:
    members = pa.Table.from_pylist(
        [{"kind": k, "id": i, "person_id": p, "confidence": 0.5, "class": "person"} for k, i, p in rows], schema=MEMBERS
    )
    persons = pa.Table.from_pylist(
        [{"person_id": p, "class": "person"} for p in dict.fromkeys(p for *_, p in rows)], schema=PERSONS
    )
    return Resolution(members, persons, *([pa.table({})] * (len(Resolution.__dataclass_fields__) - 2)))


@pytest.mark.parametrize("seed", range(5))
def test_finds_what_a_dictionary_finds(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = "ab:/é体𝒳\0 "
    ids = list({"".join(rng.choices(alphabet, k=rng.randint(1, 5))) for _ in range(300)})
    rows = [(rng.choice(["device", "account"]), i, f"p{rng.randint(0, 60)}") for i in ids]
    index = IdentityIndex(resolution(rows))
    assert len(index) == len(rows)
    for kind, member_id, person_id in rows:
        found = index.member(kind, member_id)
        assert found is not None
        assert (found.kind, found.id, found.person_id) == (kind, member_id, person_id), f"seed {seed}"
        other = "account" if kind == "device" else "device"
        assert index.member(other, member_id) is None
        assert index.person_of(kind, member_id + "?") is None
        person = index.person(person_id)
        assert person is not None
        assert [(m.kind, m.id) for m in person.members] == sorted((k, i) for k, i, p in rows if p == person_id)
    with pytest.raises(KeyError):
        index.person("p")
    with pytest.raises(KeyError):
        index.person("zzz")


def test_an_empty_resolution_has_nobody() -> None:
    index = IdentityIndex(resolution([]))
    with pytest.raises(KeyError):
        index.person("p")
    assert index.member("device", "d") is None
    with pytest.raises(KeyError):
        index.person("p")
