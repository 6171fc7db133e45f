"""Person ids in one run: which are kept, retired, revived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.resolve.changes import Changes, Merge, Part, Redirect, Retired
from graph.resolve.lifecycle import new_person_id, plan


class Known:
    """A history of persons as old as they are told to be, and of retired ones under them."""

    def __init__(
        self,
        ages: dict[str, int],
        retired: Sequence[Retired] = (),
        origins: dict[str, list[tuple[str, str, str]]] | None = None,
    ) -> None:
        self._ages, self._retired, self._origins = ages, retired, origins or {}

    def created_runs(self, person_ids: Sequence[str]) -> list[int]:
        return [self._ages.get(p, 1) for p in person_ids]

    def retired_into(self, person_id: str) -> list[Retired]:
        return list(self._retired) if person_id == "p1" else []

    def origins(self, person_id: str) -> list[tuple[str, str, str]]:
        return self._origins.get(person_id, [])

    def former(self, shape: bytes) -> None:
        return None

    def current(self, person_id: str) -> str:
        raise AssertionError("nobody has been anybody before")


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
    assert changes == Changes({0: "p1", 2: "p2"}, [], [], [], [], [], [], [], [], [], [])


def test_growth_keeps_ids_and_tells_who_joined() -> None:
    changes = run([0, 0, 0, 3], [None, "p1", "p1", "p2"])
    assert changes == Changes({0: "p1", 3: "p2"}, [], [], [], [], [], [], [0], [], [], [])


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
    assert (changes.person_of_cluster, changes.created) == ({0: fresh(0), 1: "p1"}, [0])
    assert (changes.splits, changes.moved) == ([Part(fresh(0), "p1")], [(0, "p1")])
    assert (changes.merges, changes.revived, changes.redirected, changes.emptied, changes.joined, changes.origins) == ([],) * 6


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
