from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.resolve.lifecycle import Changes, Merge, Split, new_person_id, plan


def run(anchor: list[int], earlier: list[str | None], living: list[str] | None = None, used: set[str] | None = None) -> Changes:
    """Plan for nodes named n0, n1, … with their earlier persons by id."""
    ids = sorted(living if living is not None else {e for e in earlier if e})
    code = np.array([ids.index(e) if e else -1 for e in earlier], np.int64)
    ever = (used or set()) | set(ids)
    return plan(np.array(anchor, np.int64), code, ids, lambda n: ("device", f"n{n}"), ever.__contains__)


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
    assert changes == Changes({0: "p1", 2: "p2"}, [], [], [], [], [], [])


def test_growth_keeps_ids_and_tells_who_joined() -> None:
    changes = run([0, 0, 0, 3], [None, "p1", "p1", "p2"])
    assert changes == Changes({0: "p1", 3: "p2"}, [], [], [], [], [0], [])


def test_a_merge_keeps_the_id_of_the_larger_part_and_ties_go_to_the_smaller_id() -> None:
    changes = run([0] * 5, ["p1", "p1", "p2", "p2", "p2"])
    assert changes == Changes({0: "p2"}, [], [Merge("p1", "p2")], [], [], [], [(0, "p1"), (1, "p1")])
    assert run([0, 0], ["p2", "p1"]).merges == [Merge("p2", "p1")]


def test_a_split_leaves_the_id_with_the_larger_part() -> None:
    changes = run([0, 1, 1], ["p1", "p1", "p1"])
    assert changes == Changes({0: fresh(0), 1: "p1"}, [0], [], [Split(fresh(0), "p1")], [], [], [(0, "p1")])


def test_a_person_without_members_left_is_emptied_and_has_no_survivor() -> None:
    assert run([0], ["p1"], living=["p1", "p2"]).emptied == ["p2"]


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
    assert {s.created for s in changes.splits} == {n for (e, n) in overlap if n in made}
    assert changes.moved == [(i, e) for i, (e, n) in enumerate(zip(earlier, now, strict=True)) if e and e != n]
    with_history = {n for _, n in overlap}
    assert changes.joined == [i for i, (e, n) in enumerate(zip(earlier, now, strict=True)) if e is None and n in with_history]
    again = run(anchor, list(now))
    assert person_ids(again, anchor) == now
    assert (again.created, again.merges, again.splits, again.joined, again.moved) == ([], [], [], [], [])
