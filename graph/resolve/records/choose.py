"""Choose blocking keys from the data: what brings matching records together, at what cost.

In: every key there could be (`keys.possible_keys`), and records. First a wide set of keys is taken by what columns usually
agree, and a sample of the pairs in their blocks is drawn: those in a fixed share of the blocks, each pair weighted by the
inverse of the probability that one of its blocks is drawn (Horvitz and Thompson 1952). The fitted model tells which of them
match. Then keys and caps are chosen greedily (weighted set cover): most newly covered matches per candidate pair; a second and
third key for one match count a little, since blocks may grow and columns may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.keys import KeySpec, KeyWriter
from graph.resolve.records.pairs import block_pairs
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.settings import RecordSettings
from graph.resolve.records.values import Hashes, Integers
from graph.side_by_side import each

__all__ = ["ChoiceRules", "WideKeys", "choose_keys", "wide_keys"]

Parts = tuple[tuple[int, str], ...]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChoiceRules:
    """Constants of the choice."""

    wide: int = 64
    """Keys looked at."""
    chosen: int = 24
    """Keys chosen, at most."""
    caps: tuple[int, ...] = (10, 30, 100)
    """Caps tried, besides the settings' own."""
    again: tuple[float, ...] = (1.0, 0.15, 0.03)
    """Worth of the first, second and third key that brings a matching pair together."""
    key_cost: float = 0.3
    """Cost of a key in pairs per record: its hashes are written and sorted."""
    few: int = 20
    """Matching pairs under which usual agreement chooses instead."""
    least_gain: float = 2e-5
    """Share of all matches that a key must add, in worth."""
    wide_pairs: float = 8.0
    """Pairs per record of one wide key, at most."""


_USUAL = {
    "equal": 0.75, "sound": 0.85, "start": 0.85, "first_half": 0.85, "last_half": 0.85, "year": 0.9, "month_day": 0.88,
    "name": 0.75, "domain": 0.8, "word_1": 0.7, "word_2": 0.7, "word_3": 0.7, "word_4": 0.7,
}  # fmt: skip
"""Probability, about, that a feature of two records of one entity is equal."""


@dataclass(frozen=True)
class WideKeys:
    """The wide set: `keys`, their caps, `share`: one in how many blocks is sampled; the sampled pairs and what each stands for;
    `together` [pairs, keys]: which keys each pair shares."""

    keys: tuple[Parts, ...]
    left: Integers
    right: Integers
    stands_for: Reals
    together: npt.NDArray[np.bool_]
    records: int


def _holders(keys: Hashes) -> npt.NDArray[np.int32]:
    """About how many records hold each record's key, 0 for none: never too few, by hashing into four places per record."""
    bits = max(int(np.ceil(np.log2(max(len(keys), 2)))) + 2, 10)
    counted: npt.NDArray[np.int32] = _counted(keys, np.uint64(64 - bits), 1 << bits)
    return counted


@njit(cache=True, nogil=True)
def _counted(keys: Hashes, shift: np.uint64, places: int) -> npt.NDArray[np.int32]:
    counts, out = np.zeros(places, np.int32), np.zeros(len(keys), np.int32)
    for i in range(len(keys)):
        if keys[i] != 0:
            counts[keys[i] >> shift] += 1
    for i in range(len(keys)):
        if keys[i] != 0:
            out[i] = counts[keys[i] >> shift]
    return out


def _cap_within(holders: npt.NDArray[np.int32], pairs: float, most: int) -> int:
    """The largest cap at which the blocks hold at most so many pairs in all."""
    sizes = np.bincount(np.minimum(holders, most + 1), minlength=most + 2)[: most + 1]
    cost = np.cumsum(sizes * (np.arange(most + 1) - 1) / 2.0 * (np.arange(most + 1) >= 2))
    return int(np.searchsorted(cost, pairs, "right")) - 1


def wide_keys(
    possible: list[Parts], writer: KeyWriter, specs: tuple[ColumnSpec, ...], settings: RecordSettings, rules: ChoiceRules
) -> WideKeys:
    """Take the wide set and draw the sample of pairs."""
    ranked = _ranked(possible, writer, settings)[: rules.wide]
    records = len(writer.keys(ranked[0])) if ranked else 0
    wanted = max(settings.fit_pairs / max(len(ranked), 1), 1.0)
    share = 1
    while ranked and records * rules.wide_pairs / share > 2 * wanted:
        share *= 2

    def drawn_by(parts: Parts) -> tuple[Integers, Integers]:
        keys = writer.keys(parts)
        holders = _holders(keys)
        cap = _cap_within(holders, rules.wide_pairs * records if share > 1 else 2 * wanted, settings.block_cap)
        drawn = np.where((holders >= 2) & (holders <= max(cap, 2)) & (_spread(keys) % np.uint64(share) == 0), keys, 0)
        rows = np.flatnonzero(drawn)
        left, right = block_pairs(drawn[rows][:, None].astype(np.uint64))
        return rows[left], rows[right]

    found = each(drawn_by, ranked)
    empty = np.zeros(0, np.int64)
    pairs = np.unique(np.concatenate([empty, *(a * records + b for a, b in found)]))
    left, right = pairs // max(records, 1), pairs % max(records, 1)
    together = np.zeros((len(pairs), len(ranked)), bool)

    def mark(place: int) -> None:
        keys = writer.keys(ranked[place])
        together[:, place] = (keys[left] != 0) & (keys[left] == keys[right])

    each(mark, range(len(ranked)))
    ways = np.maximum(together.sum(axis=1), 1)
    return WideKeys(tuple(ranked), left, right, 1.0 / (1.0 - (1.0 - 1.0 / share) ** ways), together, records)


def _spread(keys: Hashes) -> Hashes:
    """Bits of the key that `_holders` does not use."""
    return keys & np.uint64((1 << 20) - 1)


def _ranked(possible: list[Parts], writer: KeyWriter, settings: RecordSettings) -> list[Parts]:
    """Keys by how many of the matches they usually cover, one for each set of columns in turn."""
    features = sorted({part for parts in possible for part in parts})
    sizes = dict(zip(features, each(lambda part: _filled(writer.feature(*part)), features), strict=True))
    records = len(writer.feature(*features[0])) if features else 0
    by_columns: dict[tuple[int, ...], list[tuple[float, Parts]]] = {}
    for parts in possible:
        filled = float(np.prod([sizes[part][0] for part in parts]))
        chance = float(np.prod([sizes[part][1] for part in parts]))
        usual = float(np.prod([_USUAL[feature] for _, feature in parts]))
        pairs = filled * chance * records / 2.0
        worth = usual * filled**2 * min(1.0, settings.pairs_per_record / max(pairs, 1e-9))
        by_columns.setdefault(tuple(c for c, _ in parts), []).append((-worth, parts))
    for group in by_columns.values():
        group.sort()
    depth = max((len(group) for group in by_columns.values()), default=0)
    ranked: list[Parts] = []
    for turn in range(depth):
        ranked += [parts for _, parts in sorted(group[turn] for group in by_columns.values() if turn < len(group))]
    return ranked


def _filled(feature: Hashes) -> tuple[float, float]:
    """Share of the records that have a feature, and probability that two that have it agree."""
    counts = np.unique(feature[feature != 0], return_counts=True)[1]
    filled = float(counts.sum())
    return filled / max(len(feature), 1), float((counts**2.0).sum()) / max(filled, 1.0) ** 2


def choose_keys(
    wide: WideKeys, matching: Reals, writer: KeyWriter, settings: RecordSettings, rules: ChoiceRules
) -> tuple[KeySpec, ...]:
    """Keys with caps. `matching`: probability times what it stands for, of each sampled pair."""
    if settings.keys:
        return tuple(KeySpec(parts, settings.block_cap) for parts in wide.keys)
    rows = np.flatnonzero(matching > 0.5 * wide.stands_for)
    worth = matching[rows]
    caps = sorted({*(cap for cap in rules.caps if cap < settings.block_cap), settings.block_cap})
    degree = np.zeros((len(rows), len(wide.keys)), np.int32)
    cost = np.zeros((len(wide.keys), len(caps)))
    records = wide.records

    def count(k: int) -> None:
        holders = _holders(writer.keys(wide.keys[k]))
        degree[:, k] = np.where(wide.together[rows, k], holders[wide.left[rows]], 0)
        for i, cap in enumerate(caps):
            used = holders[(holders >= 2) & (holders <= cap)]
            cost[k, i] = float((used - 1.0).sum()) / 2.0 + rules.key_cost * records

    each(count, range(len(wide.keys)))
    budget = max(settings.pairs_per_record * records, float(settings.small_pairs))
    return _greedy(wide, degree, worth, cost, caps, budget, rules)


def _greedy(
    wide: WideKeys,
    degree: npt.NDArray[np.int32],
    worth: Reals,
    cost: Reals,
    caps: list[int],
    budget: float,
    rules: ChoiceRules,
) -> tuple[KeySpec, ...]:
    covered = np.zeros(len(worth), np.int64)
    chosen: dict[int, int] = {}
    of_again = np.append(np.array(rules.again), 0.0)
    most, spent = max(float(worth.sum()), 1.0), 0.0
    needed = np.where(degree > 0, np.searchsorted(caps, degree), len(caps))  # the least cap that keeps the pair's block
    least = rules.least_gain * most if len(worth) >= rules.few else 0.0
    while True:
        value = worth * of_again[np.minimum(covered, len(rules.again))]
        best, choice = 0.0, (-1, -1)
        for k in range(len(wide.keys)):
            now = chosen.get(k, -1)
            if now < 0 and len(chosen) >= rules.chosen:
                continue
            gains = np.bincount(needed[:, k], value, len(caps) + 1)
            for i in range(now + 1, len(caps)):
                more = cost[k, i] - (cost[k, now] if now >= 0 else 0.0)
                if spent + more > budget:
                    break
                gain = float(gains[now + 1 : i + 1].sum())
                gain += 1e-6 * most * np.log1p(cost[k, i])  # where nothing tells them apart, the fuller blocks
                if gain >= least and gain / max(more, 1.0) > best:
                    best, choice = gain / max(more, 1.0), (k, i)
        k, i = choice
        if k < 0:
            break
        now = chosen.get(k, -1)
        covered[(needed[:, k] > now) & (needed[:, k] <= i)] += 1
        spent += cost[k, i] - (cost[k, now] if now >= 0 else 0.0)
        chosen[k] = i
    return tuple(KeySpec(wide.keys[k], caps[i]) for k, i in sorted(chosen.items()))
