"""Person ids over many runs, in a real log: against a model that keeps the forest of persons as plain sets, and taken back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from identity_world import Subject, World, account, check_forest


class Model:
    """The forest of persons as plain sets: who was merged into whom, and whose members are whose."""

    def __init__(self, persons: dict[str, set[Subject]]) -> None:
        self.own = {p: set(of) for p, of in persons.items()}
        self.into: dict[str, str] = {}
        self.age = dict.fromkeys(persons, 1)
        self.former: dict[frozenset[Subject], str] = {}

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
        together = frozenset(s for p in persons for s in self.members(p))
        by_size = sorted(persons, key=lambda p: (-len(self.members(p)), self.age[p], p))
        before = self.former.get(together)
        survivor = before if before in persons else by_size[0]
        for person in persons:
            self.remember(person)
        self.into |= dict.fromkeys(persons - {survivor}, survivor)

    def remember(self, person: str) -> None:
        """What a person is made of before it changes."""
        self.former[frozenset(self.members(person))] = person


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
            model.remember(root)
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
@given(st.lists(PARTITION, min_size=1, max_size=6), PARTITION)
@example([[0, 1, 0, 2, 3, 3]], [0, 1, 1, 0, 3, 3])  # one person falls apart into two others, and is put together again
@example([[0] * 6, [0, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]], [0, 0, 0, 1, 2, 2])  # the same, with a history before
def test_whatever_is_taken_back_leaves_everything_as_before(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[int]], other: list[int]
) -> None:
    def clusters(groups: list[int]) -> list[list[Subject]]:
        return [[account(f"a{n}") for n, g in enumerate(groups) if g == group] for group in sorted(set(groups))]

    world = World(tmp_path_factory.mktemp("world"))
    for partition in history:
        world.run(clusters(partition))
    persons, leads, members = world.persons(), world.log.aliases(), world.state()["members"]
    world.run(clusters(other))
    world.run(clusters(history[-1]))
    assert world.persons() == persons
    assert leads.items() <= world.log.aliases().items()
    assert world.state()["members"] == members  # with their origins: older merges can be undone as before
    check_forest(world.log)
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
