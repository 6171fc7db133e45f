"""Operator assertions: what is taken, what cannot be met, what the clusters hear, that they outlive every run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_world import AT, Subject, World, account, check_forest

from graph.errors import InputError
from graph.resolve.assertions import assert_never, assert_same, contradictions, revoke
from graph.resolve.log import IdentityLog
from graph.resolve.log_assertions import APART, NEVER, SAME, Assertion, add, all_assertions, standing

A, B, C, D = (account(name) for name in "abcd")
BY = "operator"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def assertion(number: int, action: str, left: list[Subject], right: list[Subject]) -> Assertion:
    return Assertion(number, action, tuple(left), tuple(right), BY, None, AT.isoformat(), number, None, None)


def contrary(*assertions: Assertion) -> list[tuple[int, int]]:
    """Numbers of each `same` that cannot be met, and of what is against it."""
    return [(c.same.number, c.never.number) for c in contradictions(assertions)]


def test_an_assertion_is_kept_as_it_was_made_and_repeating_it_changes_nothing(world: World) -> None:
    made = assert_same(world.log, B, A, at=AT, by=BY, reason="they said so")
    assert (made.number, made.action, made.left, made.right, made.by) == (1, SAME, (A,), (B,), BY)
    assert (made.reason, made.at, made.revoked_at) == ("they said so", "2026-03-01T00:00:00+00:00", None)
    assert assert_same(world.log, A, B, at=AT + timedelta(days=1), by=BY) == made
    assert assert_never(world.log, A, B, at=AT, by=BY).number == 2
    assert [a.number for a in standing(world.log)] == [1, 2]
    assert len(world.log.entries(["assert"])) == 2


def test_a_revoked_assertion_is_kept_and_may_be_made_again(world: World) -> None:
    assert_same(world.log, A, B, at=AT, by=BY)
    revoked = revoke(world.log, 1, at=AT + timedelta(hours=1), by=BY)
    assert (revoked.revoked_at, revoked.revoked_by) == ("2026-03-01T01:00:00+00:00", BY)
    assert standing(world.log) == []
    assert assert_same(world.log, A, B, at=AT, by=BY).number == 2
    assert [a.number for a in all_assertions(world.log)] == [1, 2]
    for number, words in ((1, "revoked before"), (7, "no assertion 7"), (2**70, "no assertion")):
        with pytest.raises(InputError, match=words):
            revoke(world.log, number, at=AT, by=BY)
    assert world.log.entries(["revoke"])[0].cause == "assertion 1 revoked, by operator"


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [(A, A, "one with itself"), (("person", "x"), A, "no kind of subject"), (A, ("device", ""), "needs an id")],
)
def test_what_cannot_be_asserted_is_said_in_one_line(world: World, left: Subject, right: Subject, words: str) -> None:
    for make in (assert_same, assert_never):
        with pytest.raises(InputError, match=words) as error:
            make(world.log, left, right, at=AT, by=BY)
        assert "\n" not in str(error.value)
    assert all_assertions(world.log) == []


def test_never_wins_against_the_youngest_same_that_it_contradicts() -> None:
    ab, bc, ac = assertion(1, SAME, [A], [B]), assertion(2, SAME, [B], [C]), assertion(3, NEVER, [A], [C])
    assert contrary(ab, bc, ac) == [(2, 3)]
    assert contrary(ac, bc, ab) == [(2, 3)]  # numbers decide, not the order in which they are given
    assert contrary(assertion(1, SAME, [A], [B]), assertion(2, NEVER, [A], [B])) == [(1, 2)]
    assert contrary(ab, bc) == []
    apart = assertion(4, APART, [A, D], [C])
    assert contrary(ab, apart, assertion(5, SAME, [C], [D])) == [(5, 4)]


PAIRS = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([SAME, SAME, NEVER]), PAIRS), max_size=14))
def test_what_can_be_met_is_found_one_by_one(said: list[tuple[str, tuple[int, int]]]) -> None:
    """Against trying each `same` in turn and looking at every pair of the partition that comes of it."""
    made = [assertion(n, action, *([account(str(x))] for x in sorted(pair))) for n, (action, pair) in enumerate(said, 1)]
    nevers = [pair for action, pair in said if action == NEVER]
    label = list(range(7))
    expected = []
    for number, (action, (x, y)) in enumerate(said, 1):
        if action == SAME:
            joined = [label[x] if v == label[y] else v for v in label]
            if any(joined[p] == joined[q] for p, q in nevers):
                expected.append(number)
            else:
                label = joined
    assert [same for same, _ in contrary(*made)] == expected


def test_a_chain_of_assertions_that_contradict_goes_as_far_as_never_lets_it(world: World) -> None:
    assert_same(world.log, A, B, at=AT, by=BY)
    assert_same(world.log, B, C, at=AT, by=BY)
    assert_never(world.log, A, C, at=AT, by=BY)
    world.resolve([A, B, C], {(A, C): 30.0})
    assert world.person(A) == world.person(B) != world.person(C)


def test_evidence_says_which_rule_and_when_and_once_for_each_pair(world: World) -> None:
    assert_same(world.log, B, A, at=AT, by=BY)
    assert_never(world.log, A, C, at=AT, by=BY)
    with world.log.transaction():
        add(world.log, APART, [A, B], [C], at=AT + timedelta(days=1), by=BY, reason=None)
    world.resolve([A, B, C], {})
    said = {"sources": ["operator"], "said": AT.timestamp()}
    later = {**said, "said": AT.timestamp() + 86_400}
    assert world.evidence() == [
        {"left_number": 0, "right_number": 1, "method": "asserted_same", "weight": 1000.0, **said},
        {"left_number": 0, "right_number": 2, "method": "asserted_never", "weight": -1e6, **said},
        {"left_number": 1, "right_number": 2, "method": "asserted_never", "weight": -1e6, **later},
    ]


def test_an_assertion_about_what_the_lake_does_not_know_waits_for_it(world: World) -> None:
    assert_same(world.log, A, D, at=AT, by=BY)
    world.resolve([A, B], {})
    assert world.evidence() == []
    assert world.person(A) != world.person(B)
    world.resolve([A, B, D], {})
    assert world.person(A) == world.person(D)
    assert world.log.entries(["join"])[0].id == "d"


def test_same_says_nothing_of_a_shared_device_and_never_holds_for_it_too(world: World) -> None:
    device = ("device", "tablet")
    assert_same(world.log, A, device, at=AT, by=BY)
    assert_never(world.log, B, device, at=AT, by=BY)
    world.resolve([A, B, device], {}, shared=[device])
    assert world.person(A) != world.person(device)
    assert [row["method"] for row in world.evidence()] == ["asserted_never"]


def test_assertions_outlive_growth_and_members_that_leave_and_come_back(world: World) -> None:
    assert_same(world.log, A, B, at=AT, by=BY)
    assert_never(world.log, A, C, at=AT, by=BY)
    strong = {(A, C): 50.0, (B, C): 50.0, (C, D): 50.0}
    for there in ([A, B], [A, B, C, D], [A, D], [C, D], [A, B, C, D]):
        world.resolve(there, strong)
        assert A not in there or C not in there or world.person(A) != world.person(C)
        assert A not in there or B not in there or world.person(A) == world.person(B)
        check_forest(world.log)


NUMBERS = st.integers(0, 7)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.tuples(NUMBERS, NUMBERS).filter(lambda p: p[0] < p[1]), st.floats(-8, 60), max_size=20),
    st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda p: p[0] != p[1]), max_size=6),
    st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda p: p[0] != p[1]), max_size=3),
)
def test_no_clustering_puts_what_never_is_into_one_person(
    tmp_path_factory: pytest.TempPathFactory,
    weights: dict[tuple[int, int], float],
    nevers: list[tuple[int, int]],
    sames: list[tuple[int, int]],
) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    names = [account(str(n)) for n in range(8)]
    for x, y in sames:
        assert_same(world.log, names[x], names[y], at=AT, by=BY)
    for x, y in nevers:
        assert_never(world.log, names[x], names[y], at=AT, by=BY)
    world.resolve(names, {(names[x], names[y]): weight for (x, y), weight in weights.items()})
    for x, y in nevers:
        assert world.person(names[x]) != world.person(names[y])
    unmet = {c.same.number for c in contradictions(standing(world.log))}
    for a in standing(world.log):
        if a.action == SAME and a.number not in unmet:
            assert world.person(a.left[0]) == world.person(a.right[0])
    world.close()


def test_a_reader_sees_assertions_that_another_process_makes(tmp_path: Path) -> None:
    with IdentityLog(tmp_path) as log, IdentityLog(tmp_path, create=False) as reader:
        assert_same(log, A, B, at=AT, by=BY)
        assert [a.left for a in standing(reader)] == [(A,)]
