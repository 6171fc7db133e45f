"""Undoing merges and splitting persons: what is asserted, that it holds for ever, that ids come back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_world import AT, Subject, World, account, check_forest

from graph.errors import InputError
from graph.resolve.assertions import assert_same, contradictions, revoke
from graph.resolve.log import IdentityLog
from graph.resolve.log_assertions import APART, SAME, Assertion, all_assertions, standing
from graph.resolve.undo import split, undo

BY = "operator"
TRIPS = 50
A1, A2, B1, B2, B3, C1 = (account(name) for name in ("a1", "a2", "b1", "b2", "b3", "c1"))
EVERYBODY = [A1, A2, B1, B2, B3]
INSIDE = {(A1, A2): 20.0, (B1, B2): 20.0, (B2, B3): 20.0}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def merge_number(world: World) -> int:
    """Number of the newest merge in the log."""
    return world.log.entries(["merge"], limit=1)[0].seq


def test_a_merge_by_evidence_is_undone_by_one_assertion_about_all_pairs_and_stays_undone(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    before, merged = world.state(), {**INSIDE, (A1, B1): 20.0}
    world.resolve(EVERYBODY, merged)
    assert len(world.persons()) == 1
    undone = undo(world.log, merge_number(world), at=AT, by=BY)
    ((apart,), ()) = (undone.made, undone.revoked)
    assert (apart.action, apart.left, apart.right) == (APART, (A1, A2), (B1, B2, B3))
    assert apart.reason == f"merge {merge_number(world)} undone"
    for more in ({}, {(A2, B3): 40.0}, {(A1, B2): 900.0, (A2, B1): 900.0}):
        world.resolve(EVERYBODY, {**merged, **more})
        assert world.state() == before
    check_forest(world.log)


def test_later_members_cannot_chain_the_parts_together(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    world.resolve(EVERYBODY, {**INSIDE, (A1, B1): 20.0})
    undo(world.log, merge_number(world), at=AT, by=BY)
    world.resolve([*EVERYBODY, C1], {**INSIDE, (A1, B1): 20.0, (A2, C1): 50.0, (B3, C1): 50.0})
    assert not {world.person(m) for m in (A1, A2)} & {world.person(m) for m in (B1, B2, B3)}
    assert world.person(C1) in {world.person(A2), world.person(B3)}


def test_a_merge_by_an_assertion_is_undone_by_revoking_it(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    before = world.state()
    assert_same(world.log, A2, B1, at=AT, by=BY)
    world.resolve(EVERYBODY, INSIDE)
    assert world.log.entries(["merge"])[0].cause == "asserted_same"
    undone = undo(world.log, merge_number(world), at=AT, by=BY)
    assert (undone.made, [a.number for a in undone.revoked]) == ((), [1])
    world.resolve(EVERYBODY, INSIDE)
    assert world.state() == before
    assert world.log.entries(["revive"])[0].person_id == world.person(A1)


def test_where_other_evidence_joins_the_parts_too_undoing_again_holds_them_apart(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    before = world.state()
    assert_same(world.log, A2, B1, at=AT, by=BY)
    both = {**INSIDE, (A1, B2): 20.0}
    world.resolve(EVERYBODY, both)
    number = merge_number(world)
    assert undo(world.log, number, at=AT, by=BY).made == ()
    world.resolve(EVERYBODY, both)
    assert len(world.persons()) == 1
    assert [a.action for a in undo(world.log, number, at=AT, by=BY).made] == [APART]
    world.resolve(EVERYBODY, both)
    assert world.state() == before


def test_an_assertions_own_entry_can_be_undone_and_other_entries_cannot(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    made = assert_same(world.log, A2, B1, at=AT, by=BY)
    assert undo(world.log, made.seq, at=AT, by=BY).revoked[0].number == made.number
    for number, words in ((made.seq, "revoked before"), (1, "is a create"), (999, "no entry 999"), (2**70, "no entry")):
        with pytest.raises(InputError, match=words) as error:
            undo(world.log, number, at=AT, by=BY)
        assert "\n" not in str(error.value)


def test_a_merge_that_is_undone_is_not_undone_twice(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    merged = {**INSIDE, (A1, B1): 20.0}
    world.resolve(EVERYBODY, merged)
    first = merge_number(world)
    undo(world.log, first, at=AT, by=BY)
    assert len(undo(world.log, first, at=AT, by=BY).made) == 1  # not resolved yet: the same assertion again
    assert len(all_assertions(world.log)) == 1
    world.resolve(EVERYBODY, merged)
    with pytest.raises(InputError, match="undone already"):
        undo(world.log, first, at=AT, by=BY)
    revoke(world.log, 1, at=AT, by=BY)
    world.resolve(EVERYBODY, merged)
    assert merge_number(world) != first
    with pytest.raises(InputError, match="was undone; later ones"):
        undo(world.log, first, at=AT, by=BY)


def test_an_undone_merge_that_is_asserted_again_is_a_contradiction_until_the_apart_is_revoked(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    world.resolve(EVERYBODY, {**INSIDE, (A1, B1): 20.0})
    undo(world.log, merge_number(world), at=AT, by=BY)
    assert_same(world.log, A1, B1, at=AT, by=BY)
    world.resolve(EVERYBODY, INSIDE)
    assert world.person(A1) != world.person(B1)
    assert [(c.same.number, c.never.number) for c in contradictions(standing(world.log))] == [(2, 1)]
    revoke(world.log, 1, at=AT, by=BY)
    world.resolve(EVERYBODY, INSIDE)
    assert world.person(A1) == world.person(B1)


def test_one_merge_of_a_chain_is_undone_whatever_came_after(world: World) -> None:
    """a into b, then b into c; the first is undone: b stays in c."""
    names = [account(f"{p}{n}") for p, size in (("a", 1), ("b", 2), ("c", 4)) for n in range(size)]
    inside = {(x, y): 20.0 for x, y in combinations(names, 2) if x[1][0] == y[1][0]}
    one, two = {**inside, (names[0], names[1]): 20.0}, {(names[1], names[3]): 20.0}
    world.resolve(names, inside)
    a, b, c = (world.person(n) for n in (names[0], names[1], names[3]))
    world.resolve(names, one)
    first = merge_number(world)
    world.resolve(names, {**one, **two})
    assert world.log.aliases() == {a: c, b: c}
    undo(world.log, first, at=AT, by=BY)
    world.resolve(names, {**one, **two})
    assert world.person(names[0]) == a
    assert {world.person(n) for n in names[1:]} == {c}
    assert world.log.aliases() == {b: c}


def test_members_are_taken_out_of_a_person_for_ever(world: World) -> None:
    chain = {(A1, A2): 20.0, (A2, B1): 20.0, (B1, B2): 20.0, (A1, B2): 20.0}
    subjects = [A1, A2, B1, B2]
    world.resolve(subjects, chain)
    person = str(world.person(A1))
    undone = split(world.log, person, [B1], at=AT, by=BY, reason="another name")
    assert [(a.action, a.left, a.right, a.reason) for a in undone.made] == [(APART, (A1, A2, B2), (B1,), "another name")]
    for _ in range(2):
        world.resolve(subjects, chain)
        assert world.person(B1) not in {world.person(m) for m in (A1, A2, B2)}
        assert {world.person(m) for m in (A1, A2, B2)} == {person}


def test_a_split_revokes_what_was_asserted_across_it(world: World) -> None:
    assert_same(world.log, A1, B1, at=AT, by=BY)
    world.resolve([A1, A2, B1], {(A1, A2): 20.0})
    undone = split(world.log, str(world.person(A1)), [B1], at=AT, by=BY)
    assert [a.number for a in undone.revoked] == [1]
    assert contradictions(standing(world.log)) == []


def test_a_split_that_makes_no_sense_is_refused(world: World) -> None:
    world.resolve([A1, A2, B1], {(A1, A2): 20.0})
    person = str(world.person(A1))
    for name, members, words in (
        ("nobody", [A1], "no person"),
        (person, [B1], "account:b1 is no member"),
        (person, [A1, A2], "all of the members"),
        (person, [], "none of the members"),
    ):
        with pytest.raises(InputError, match=words) as error:
            split(world.log, name, members, at=AT, by=BY)
        assert "\n" not in str(error.value)
    assert all_assertions(world.log) == []


def test_a_merge_of_which_one_side_left_the_lake_cannot_be_undone(world: World) -> None:
    world.resolve(EVERYBODY, INSIDE)
    world.resolve(EVERYBODY, {**INSIDE, (A1, B1): 20.0})
    number = merge_number(world)
    world.resolve([B1, B2, B3], INSIDE)
    with pytest.raises(InputError, match="no members left in the lake"):
        undo(world.log, number, at=AT, by=BY)
    world.resolve([C1], {})
    with pytest.raises(InputError, match="nothing is left"):
        undo(world.log, number, at=AT, by=BY)


def test_round_trips_restore_every_row(world: World) -> None:
    """Merge by an operator's word, undo, again and again over a population: members, persons and aliases are the same rows."""
    generator = random.Random(13)
    people = [[account(f"a{p:02d}{n}") for n in range(generator.randint(1, 4))] for p in range(12)]
    names = [s for of in people for s in of]
    weights = {(x, y): 20.0 for of in people for x, y in combinations(of, 2)}
    world.resolve(names, weights)
    before = world.state()
    for _ in range(TRIPS):
        left, right = generator.sample(people, 2)
        assert_same(world.log, generator.choice(left), generator.choice(right), at=AT, by=BY)
        world.resolve(names, weights)
        assert len(world.persons()) == len(people) - 1
        assert world.state() != before
        undo(world.log, merge_number(world), at=AT, by=BY)
        world.resolve(names, weights)
        assert world.state() == before
    assert len(world.log.entries(["revive"], limit=10_000)) == TRIPS


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=3, max_size=5), st.randoms())
def test_whatever_was_merged_any_merge_can_be_undone(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], generator: random.Random
) -> None:
    """Strong groups, one weaker link between two of them more in each run; then merges are undone in any order. Each time the
    retired person's members leave the survivor, together, and under their id where nobody goes with them."""
    world = World(tmp_path_factory.mktemp("world"))
    people = [[account(f"a{p}{n}") for n in range(size)] for p, size in enumerate(sizes)]
    names = [s for of in people for s in of]
    weights: dict[tuple[Subject, Subject], float] = {(x, y): 90.0 for of in people for x, y in combinations(of, 2)}
    world.resolve(names, weights)
    original = world.persons()
    for one, other in generator.sample(list(combinations(range(len(people)), 2)), len(people)):
        weights[people[one][0], people[other][0]] = 20.0
        world.resolve(names, weights)
    made: list[Assertion] = []
    while len(made) < 9:
        retired_in = dict(world.log.rows("SELECT person_id, retired_run FROM persons WHERE retired_run IS NOT NULL"))
        merges = [
            e
            for e in world.log.entries(["merge"], limit=1000)
            if retired_in.get(e.other_id) == e.run and world.log.current(e.person_id) == world.log.current(str(e.other_id))
        ]
        if not merges:
            break
        entry = generator.choice(merges)
        retired = str(entry.other_id)
        made += undo(world.log, entry.seq, at=AT, by=BY).made
        world.resolve(names, weights)
        check_forest(world.log)
        current = str(world.log.current(retired))
        assert original[retired] <= world.persons()[current]
        assert current == retired or original[retired] != world.persons()[current]
        for a in made:
            assert not {world.person(s) for s in a.left} & {world.person(s) for s in a.right}
    world.close()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from identity_world import AT, World
from graph.resolve.log import IdentityLog
from graph.resolve.undo import undo

class Dying(IdentityLog):
    calls = 0
    def change(self, statement, *values):
        Dying.calls += 1
        if Dying.calls == {call}:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().change(statement, *values)

    def change_many(self, statement, rows):
        self.change("SELECT 1")
        return super().change_many(statement, rows)

log = Dying(Path({folder!r}))
undo(log, {number}, at=AT, by="operator")
print(Dying.calls)
"""


def test_a_kill_leaves_an_undo_done_or_not_begun(tmp_path: Path) -> None:
    """The child is killed before one of its writes: nothing of the undo is there until all of it is."""
    world = World(tmp_path)
    world.resolve(EVERYBODY, INSIDE)
    assert_same(world.log, A1, B1, at=AT, by=BY)
    world.resolve(EVERYBODY, {**INSIDE, (A1, B1): 2000.0})  # other evidence is stronger: the merge is revoked and held apart
    number, before = merge_number(world), (all_assertions(world.log), world.log.entries())
    world.close()
    here = Path(__file__).parent
    for call in (2, 4, 6, 99):
        script = textwrap.dedent(KILLED).format(
            tests=str(here), root=str(here.parents[1]), call=call, folder=str(tmp_path), number=number
        )
        child = subprocess.run(
            [sys.executable, "-c", script], check=False, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        with IdentityLog(tmp_path, create=False) as log:
            if call < 99:
                assert child.returncode == -signal.SIGKILL, child.stderr.decode()[-2000:]
                assert (all_assertions(log), log.entries()) == before
            else:
                assert child.returncode == 0, child.stderr.decode()[-2000:]
                assert [a.action for a in standing(log)] == [APART]
                assert [a.action for a in all_assertions(log)] == [SAME, APART]
