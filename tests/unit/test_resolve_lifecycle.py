"""Person ids over runs: which are kept, retired, revived; against a model that keeps the forest of persons as plain sets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from identity_world import Subject, World, account, check_forest

from graph.resolve.changes import Changes, Merge, Part, Redirect, Retired
from graph.resolve.lifecycle import new_person_id, plan


class Known:
    """A history of persons as old as they are told to be, and of retired ones under them."""

    def __init__(
        self,
        ages: dict[str, int],
        retired: Sequence[Retired] = (),
        origins: dict[str, list[tuple[str, str, str]]] | None = None,
        moved_from: dict[str, list[tuple[str, str, str]]] | None = None,
    ) -> None:
        self._ages, self._retired, self._origins, self._moved_from = ages, retired, origins or {}, moved_from or {}

    def created_runs(self, person_ids: Sequence[str]) -> list[int]:
        return [self._ages.get(p, 1) for p in person_ids]

    def retired_into(self, person_id: str) -> list[Retired]:
        return list(self._retired) if person_id == "p1" else []

    def origins(self, person_id: str) -> list[tuple[str, str, str]]:
        return self._origins.get(person_id, [])

    def moved_from(self, person_id: str) -> list[tuple[str, str, str]]:
        return self._moved_from.get(person_id, [])


def run(
    anchor: list[int],
    earlier: list[str | None],
    living: list[str] | None = None,
    used: set[str] | None = None,
    history: Known | None = None,
) -> Changes:
    """Plan for nodes named n0, n1, … with their earlier persons by id."""
    ids = sorted(living if living is not None else {e for e in earlier if e})
    code = np.array([ids.index(e) if e else -1 for e in earlier], np.int64)
    ever = (used or set()) | set(ids)
    return plan(np.array(anchor, np.int64), code, ids, lambda n: ("device", f"n{n}"), ever.__contains__, history or Known({}))


def person_ids(changes: Changes, anchor: list[int]) -> list[str]:
    return [changes.person_of_cluster[a] for a in anchor]


def fresh(node: int) -> str:
    return new_person_id("device", f"n{node}", lambda _: False)


def test_new_clusters_are_named_after_their_smallest_member() -> None:
    changes = run([0, 0, 2], [None] * 3)
    assert person_ids(changes, [0, 0, 2]) == [fresh(0), fresh(0), fresh(2)]
    assert changes.created == [0, 2]
    assert (changes.merges, changes.splits, changes.joined, changes.moved) == ([], [], [], [])
    assert fresh(0) == "phsxbizaptlxzmkhe"  # ids outlive versions of this code


def test_an_id_that_was_ever_given_is_not_given_again() -> None:
    first = new_person_id("device", "x", lambda _: False)
    second = new_person_id("device", "x", {first}.__contains__)
    third = new_person_id("device", "x", {first, second}.__contains__)
    assert len({first, second, third}) == 3
    assert run([0], [None], used={fresh(0)}).person_of_cluster[0] not in {fresh(0)}


def test_nothing_changes_when_the_clusters_are_the_same() -> None:
    changes = run([0, 0, 2], ["p1", "p1", "p2"])
    assert changes == Changes({0: "p1", 2: "p2"}, [], [], [], [], [], [], [], [], [])


def test_growth_keeps_ids_and_tells_who_joined() -> None:
    changes = run([0, 0, 0, 3], [None, "p1", "p1", "p2"])
    assert changes == Changes({0: "p1", 3: "p2"}, [], [], [], [], [], [], [0], [], [])


def test_a_merge_keeps_the_id_of_the_larger_part() -> None:
    changes = run([0] * 5, ["p1", "p1", "p2", "p2", "p2"], history=Known({"p1": 1, "p2": 2}))
    assert changes.merges == [Merge("p1", "p2")]
    assert changes.moved == changes.origins == [(0, "p1"), (1, "p1")]
    assert (changes.created, changes.splits, changes.revived, changes.joined) == ([], [], [], [])


def test_a_merge_of_equals_keeps_the_older_id_and_of_one_run_the_smaller() -> None:
    assert run([0, 0], ["p1", "p2"], history=Known({"p1": 2, "p2": 1})).merges == [Merge("p1", "p2")]
    assert run([0, 0], ["p2", "p1"]).merges == [Merge("p2", "p1")]


def test_a_split_leaves_the_id_with_the_larger_part() -> None:
    changes = run([0, 1, 1], ["p1", "p1", "p1"])
    assert changes == Changes({0: fresh(0), 1: "p1"}, [0], [], [Part(fresh(0), "p1")], [], [], [], [], [(0, "p1")], [])


def test_a_person_without_members_left_is_emptied_and_has_no_survivor() -> None:
    assert run([0], ["p1"], living=["p1", "p2"]).emptied == ["p2"]


def test_an_unmerge_revives_the_retired_id_however_the_sizes_turned() -> None:
    """p1 has taken p2 in; of p1's own members one is left, of p2's there are three."""
    origins = {"p1": [("device", f"n{n}", "p2") for n in (1, 2, 3)]}
    history = Known({}, [Retired("p2", "p1", 1, 5)], origins)
    changes = run([0, 1, 1, 1], ["p1"] * 4, history=history)
    assert changes.person_of_cluster == {0: "p1", 1: "p2"}
    assert changes.revived == [Part("p2", "p1")]
    assert changes.origins == [(n, None) for n in (1, 2, 3)]
    assert (changes.created, changes.splits, changes.merges, changes.redirected) == ([], [], [], [])


def test_of_a_chain_of_merges_the_outer_person_is_revived() -> None:
    """p3 went into p2, p2 into p1, and p2's other members have left the lake: what comes out of p1 is p2, with p3 in it."""
    origins = {"p1": [("device", "n1", "p3"), ("device", "n2", "p3")]}
    history = Known({}, [Retired("p3", "p2", 1, 5), Retired("p2", "p1", 1, 6)], origins)
    changes = run([0, 1, 1], ["p1"] * 3, history=history)
    assert changes.person_of_cluster == {0: "p1", 1: "p2"}
    assert (changes.revived, changes.redirected, changes.origins) == ([Part("p2", "p1")], [], [])


def test_a_retired_id_stays_with_most_of_its_members() -> None:
    """One of three members that p2 had leaves p1: a new person, and p2 leads to p1 as before."""
    history = Known({}, [Retired("p2", "p1", 1, 5)], {"p1": [("device", f"n{n}", "p2") for n in (1, 2, 3)]})
    changes = run([0, 0, 0, 3], ["p1"] * 4, history=history)
    assert changes.person_of_cluster == {0: "p1", 3: fresh(3)}
    assert (changes.revived, changes.redirected) == ([], [])
    assert changes.origins == [(3, None)]


def test_a_retired_id_goes_under_the_person_that_has_most_of_its_members() -> None:
    """p3 and p2 come out of p1 together: the larger is revived, the other leads there."""
    origins = {"p1": [*(("device", f"n{n}", "p2") for n in (1, 2)), ("device", "n3", "p3")]}
    history = Known({}, [Retired("p2", "p1", 1, 5), Retired("p3", "p1", 1, 6)], origins)
    changes = run([0, 1, 1, 1], ["p1"] * 4, history=history)
    assert changes.person_of_cluster == {0: "p1", 1: "p2"}
    assert changes.redirected == [Redirect("p3", "p2")]
    assert changes.origins == [(1, None), (2, None)]


@pytest.mark.parametrize("knows", [True, False])
def test_who_goes_back_to_a_person_that_had_fallen_apart_takes_nobodys_id(knows: bool) -> None:
    """p3's two members had gone to p1 and to p2; they come together again, and p1 has one member of its own."""
    moved = {"p1": [("device", "n0", "p3")], "p2": [("device", "n1", "p3")]} if knows else {}
    retired = [Retired("p3", "p1", 1, 5)]
    changes = run([0, 0, 2, 3, 3], ["p1", "p2", "p1", "p2", "p2"], history=Known({}, retired, moved_from=moved))
    assert changes.person_of_cluster == ({0: fresh(0), 2: "p1", 3: "p2"} if knows else {0: "p1", 2: fresh(2), 3: "p2"})


@pytest.mark.parametrize("knows", [True, False])
def test_who_goes_back_to_a_living_person_leaves_the_id_with_who_stayed(knows: bool) -> None:
    """Two members of p2 had moved to p1; p1's only other member is alone again."""
    moved = {"p1": [("device", "n0", "p2"), ("device", "n1", "p2")]} if knows else {}
    changes = run([0, 0, 0, 3], ["p1", "p1", "p2", "p1"], history=Known({}, moved_from=moved))
    assert changes.person_of_cluster == ({0: "p2", 3: "p1"} if knows else {0: "p1", 3: fresh(3)})


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, n - 1), min_size=n, max_size=n),
            st.lists(st.sampled_from(["p1", "p2", "p3", "p4", None]), min_size=n, max_size=n),
        )
    )
)
def test_the_rules_hold_for_any_change(problem: tuple[list[int], list[str | None]]) -> None:
    groups, earlier = problem
    anchor = [groups.index(g) for g in groups]
    changes = run(anchor, earlier)
    now = person_ids(changes, anchor)
    old = {e for e in earlier if e}
    assert len(set(changes.person_of_cluster.values())) == len(set(anchor)) == len(changes.person_of_cluster)

    kept = old & set(now)
    retired = {m.retired: m.survivor for m in changes.merges}
    assert set(retired) == old - kept
    assert set(retired.values()) <= set(now)
    for person, survivor in retired.items():
        shares = Counter(n for n, e in zip(now, earlier, strict=True) if e == person)
        assert shares[survivor] == max(shares.values())

    # The largest overlap of all is always kept, and no person could have kept its id in a free cluster of its own.
    overlap = Counter((e, n) for e, n in zip(earlier, now, strict=True) if e)
    if overlap:
        assert any(e == n for (e, n), size in overlap.items() if size == max(overlap.values()))
    for (e, n), _ in overlap.items():
        assert not (e in retired and n not in old)

    made = {changes.person_of_cluster[a] for a in changes.created}
    assert made == set(now) - old
    assert {s.person_id for s in changes.splits} == {n for (e, n) in overlap if n in made}
    assert changes.moved == [(i, e) for i, (e, n) in enumerate(zip(earlier, now, strict=True)) if e and e != n]
    with_history = {n for _, n in overlap}
    assert changes.joined == [i for i, (e, n) in enumerate(zip(earlier, now, strict=True)) if e is None and n in with_history]
    again = run(anchor, list(now))
    assert person_ids(again, anchor) == now
    assert (again.created, again.merges, again.splits, again.joined, again.moved) == ([], [], [], [], [])


class Model:
    """The forest of persons as plain sets: who was merged into whom, and whose members are whose."""

    def __init__(self, persons: dict[str, set[Subject]]) -> None:
        self.own = {p: set(of) for p, of in persons.items()}
        self.into: dict[str, str] = {}
        self.age = dict.fromkeys(persons, 1)

    def root(self, person: str) -> str:
        while person in self.into:
            person = self.into[person]
        return person

    def under(self, person: str) -> set[str]:
        below = {person}
        for _ in self.into:
            below |= {p for p, parent in self.into.items() if parent in below}
        return below

    def members(self, person: str) -> set[Subject]:
        return {s for p in self.under(person) for s in self.own[p]}

    def living(self) -> dict[str, set[Subject]]:
        return {p: self.members(p) for p in self.own if p not in self.into}

    def merge(self, persons: set[str]) -> None:
        survivor, *others = sorted(persons, key=lambda p: (-len(self.members(p)), self.age[p], p))
        self.into |= dict.fromkeys(others, survivor)


@pytest.fixture
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened: list[World] = []

    def make() -> World:
        opened.append(World(tmp_path_factory.mktemp("world")))
        return opened[-1]

    yield make
    for world in opened:
        world.close()


def agree(world: World, model: Model) -> None:
    assert world.persons() == model.living()
    assert world.log.aliases() == {p: model.root(p) for p in model.into}
    assert dict(world.log.pairs("SELECT person_id, into_id FROM aliases")) == model.into
    check_forest(world.log)


STEPS = st.lists(st.tuples(st.sampled_from(["merge", "merge", "undo", "join", "leave"]), st.randoms()), max_size=14)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), STEPS)
def test_any_history_of_merges_and_unmerges_gives_the_persons_of_the_model(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], steps: list[tuple[str, random.Random]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    names = (account(f"a{n:03d}") for n in count())
    world.run([[next(names) for _ in range(size)] for size in sizes])
    model = Model(world.persons())
    undone = 0
    for step, generator in steps:
        living = sorted(model.living())
        if step == "merge" and len(living) > 1:
            model.merge(set(generator.sample(living, generator.randint(2, min(3, len(living))))))
        elif step == "undo" and model.into:
            undone += 1
            person = generator.choice(sorted(model.into))
            root = model.root(person)
            del model.into[person]
            if generator.random() < 0.5 and len(model.own[root]) > 2:  # a member of another origin goes along
                model.own[root].remove(went := generator.choice(sorted(model.own[root])))
                model.own[person].add(went)
        elif step == "join":
            model.own[generator.choice(living)].add(next(names))
        elif step == "leave":
            of = model.own[generator.choice(sorted(model.own))]
            if len(of) > 1:
                of.remove(generator.choice(sorted(of)))
        world.run(model.living().values())
        agree(world, model)
    assert world.log.entries(["split", "redirect", "retire"]) == []
    assert len(world.log.entries(["revive"])) == undone
    world.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=8, max_size=8), min_size=1, max_size=8), st.data())
def test_any_history_of_clusters_keeps_the_forest_whole_and_every_id_leading_somewhere(
    tmp_path_factory: pytest.TempPathFactory, partitions: list[list[int]], data: st.DataObject
) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    ever: set[str] = set()
    for partition in partitions:
        there = data.draw(st.sets(st.integers(0, 7), min_size=4), "who is in the lake")
        clusters: dict[int, list[Subject]] = {}
        for n in sorted(there):
            clusters.setdefault(partition[n], []).append(account(f"a{n}"))
        before = world.persons()
        world.run(clusters.values())
        assert sorted(map(sorted, world.persons().values())) == sorted(map(sorted, clusters.values()))
        check_forest(world.log)
        ever |= set(world.persons())
        for person, of in before.items():  # an id without living members leads nowhere, any other to members it had
            current = world.log.current(person)
            assert (current is None) == (not of & {account(f"a{n}") for n in there})
            assert current is None or of & world.persons()[current]
    assert {p for (p,) in world.log.rows("SELECT person_id FROM persons")} == ever
    world.close()


PARTITION = st.lists(st.integers(0, 3), min_size=6, max_size=6)


@settings(max_examples=60, deadline=None)
@given(PARTITION, PARTITION)
@example([0, 1, 0, 2, 3, 3], [0, 1, 1, 0, 3, 3])  # one person falls apart into two others, and is put together again
def test_whatever_is_taken_back_gives_everybody_the_person_of_before(
    tmp_path_factory: pytest.TempPathFactory, partition: list[int], other: list[int]
) -> None:
    def clusters(groups: list[int]) -> list[list[Subject]]:
        return [[account(f"a{n}") for n, g in enumerate(groups) if g == group] for group in sorted(set(groups))]

    world = World(tmp_path_factory.mktemp("world"))
    world.run(clusters(partition))
    before = world.persons()
    world.run(clusters(other))
    world.run(clusters(partition))
    assert world.persons() == before
    world.close()


def test_undoing_in_reverse_order_restores_every_table(worlds: Any) -> None:
    """The last merge is undone first: each state is the one before, to the row."""
    generator = random.Random(5)
    for _ in range(6):
        world = worlds()
        clusters = [[account(f"a{p}{n}") for n in range(generator.randint(1, 4))] for p in range(7)]
        world.run(clusters)
        states = []
        while len(clusters) > 1:
            states.append(([list(c) for c in clusters], world.state()))
            generator.shuffle(clusters)
            together = [s for c in clusters[: generator.randint(2, 3)] for s in c]
            clusters = [together, *(c for c in clusters if not set(c) <= set(together))]
            world.run(clusters)
        for earlier, state in reversed(states):
            world.run(earlier)
            assert world.state() == state


def test_the_order_of_input_decides_nothing(worlds: Any) -> None:
    """Two logs, the same history, clusters and subjects in another order: the same rows everywhere."""
    generator = random.Random(11)
    one, other = worlds(), worlds()
    for _ in range(12):
        groups: dict[int, list[Subject]] = {}
        for n in range(14):
            groups.setdefault(generator.randint(0, 5), []).append(account(f"a{n:02d}"))
        clusters = list(groups.values())
        one.run(clusters)
        generator.shuffle(clusters)
        other.run([generator.sample(c, len(c)) for c in clusters])
        assert one.state() == other.state()
        assert one.log.entries(limit=10_000) == other.log.entries(limit=10_000)


def test_an_old_record_changes_its_id_only_in_a_merge(worlds: Any) -> None:
    """Growth that only joins: the ids that change are those of the smaller side of each merge, and no fewer are possible."""
    generator = random.Random(7)
    world = worlds()
    people = {f"p{p}": [account(f"a{p:02d}{n}") for n in range(generator.randint(1, 6))] for p in range(40)}
    subjects = [s for of in people.values() for s in of]
    generator.shuffle(subjects)
    owner = {s: p for p, of in people.items() for s in of}
    held: dict[str, list[list[Subject]]] = {}  # the pieces of each person that have not met yet
    for start in range(0, len(subjects), 10):
        for subject in subjects[start : start + 10]:
            pieces = held.setdefault(owner[subject], [])
            if pieces and generator.random() < 0.6:
                generator.choice(pieces).append(subject)
            else:
                pieces.append([subject])
        needed = 0
        for person, pieces in held.items():
            if len(pieces) > 1 and generator.random() < 0.4:
                old = [sum(world.person(s) is not None for s in piece) for piece in pieces]
                needed += sum(old) - max(old)
                held[person] = [[s for piece in pieces for s in piece]]
        changes = world.run([piece for pieces in held.values() for piece in pieces])
        assert len(changes.moved) == needed


def test_a_run_over_a_part_of_the_lake_ends_as_one_over_the_whole(worlds: Any) -> None:
    """Each run changes two people and tells one log of these alone, the other of everybody."""
    generator = random.Random(3)
    part, whole = worlds(), worlds()
    clusters = [[account(f"a{p:02d}{n}") for n in range(generator.randint(1, 4))] for p in range(12)]
    part.run(clusters)
    whole.run(clusters)
    for _ in range(25):
        generator.shuffle(clusters)
        stirred = [s for c in clusters[:2] for s in c]
        cut = generator.randint(0, len(stirred))
        generator.shuffle(stirred)
        changed = [c for c in (stirred[:cut], stirred[cut:]) if c]
        clusters = [*changed, *clusters[2:]]
        part.run(changed, whole=False)
        whole.run(clusters)
        assert part.state() == whole.state()
        assert part.log.entries(limit=10_000) == whole.log.entries(limit=10_000)
