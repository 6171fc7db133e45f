"""People and their households: where they live, what they read in, how active they are, what interests them and how that
changes over the period. Nothing here is written to the input; it is what the truth is made of.

Interests are correlated: topics come in groups (sport, food, technology, …), each person leans to one or two groups, and a
household shares a lean, so that what one does says something about what the other will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.synth.draw import Bools, Floats, Ints, generator, weighted
from graph.synth.parameters import Population

__all__ = ["SLOTS", "People", "make_people", "true_tags"]

SLOTS = 5  # interests a person can have at a time
_HOUSEHOLD_SIZES = (0.30, 0.30, 0.18, 0.16, 0.06)  # one person to five
_TAG_WEIGHT = 0.17  # share of somebody's attention from which an interest is a tag of theirs


@dataclass(frozen=True)
class People:
    """One row a person; households and places are indices."""

    household: Ints
    place: Ints  # of the place list: country and time zone
    city: Ints  # of the place's cities
    chinese: Bools  # reads Chinese first
    bilingual: Bools
    female: Bools
    birth_day: Ints  # days since 1970
    engagement: Floats  # relative number of sessions
    shift: Floats  # hours by which the person's day is later than others'
    office: Ints  # -1: none
    topics: Ints  # people × SLOTS, at the start
    later_topics: Ints  # people × SLOTS, at the end
    attention: Floats  # people × SLOTS, sums to 1
    households: int
    offices: int

    def __len__(self) -> int:
        return len(self.household)


def make_people(parameters: Population, topics: list[dict[str, Any]], places: list[dict[str, Any]]) -> People:
    """Draw the population. `topics` and `places` are the shipped lists."""
    rng = generator(parameters.seed, "people")
    n = parameters.people
    size = weighted(rng, _HOUSEHOLD_SIZES, n) + 1
    household = np.repeat(np.arange(n), size)[:n]
    households = int(household[-1]) + 1

    chinese_home = rng.random(households) < parameters.chinese_share
    shares = np.array([p["share"] for p in places])
    in_china = np.array([p["country"] == "CN" for p in places])
    at_home = weighted(rng, shares * ~in_china, households)
    place_of_home = np.where(chinese_home & (rng.random(households) < 0.6), int(np.flatnonzero(in_china)[0]), at_home)
    cities = np.array([len(p["cities"]) for p in places])
    city_of_home = (rng.random(households) * cities[place_of_home]).astype(np.int64)

    # The first two of a household are adults, the others a generation younger.
    position = np.arange(n) - np.searchsorted(household, household)
    adult = position < 2
    home_age = rng.uniform(24, 75, households)[household]
    age = np.where(adult, home_age + rng.normal(0, 3, n), np.clip(home_age - rng.uniform(22, 34, n), 13, 40))
    birth_day = 20_454 - (np.clip(age, 13, 92) * 365.25).astype(np.int64)  # 20,454: 2026-01-01

    works = (age > 18) & (age < 66) & (rng.random(n) < 0.55)
    offices = max(3, n // 60)
    office_size = rng.pareto(1.1, offices) + 0.2
    office = np.where(works, weighted(rng, office_size, n), -1)

    topics_now, later, attention = _interests(rng, parameters, topics, household, households)
    return People(
        household=household,
        place=place_of_home[household],
        city=city_of_home[household],
        chinese=chinese_home[household],
        bilingual=rng.random(n) < np.where(chinese_home[household], 0.35, 0.04),
        female=rng.random(n) < 0.5,
        birth_day=birth_day,
        engagement=rng.lognormal(0, 0.9, n),
        shift=np.clip(rng.normal(0, 1.3, n), -3, 3),
        office=office,
        topics=topics_now,
        later_topics=later,
        attention=attention,
        households=households,
        offices=offices,
    )


def _interests(
    rng: np.random.Generator, parameters: Population, topics: list[dict[str, Any]], household: Ints, households: int
) -> tuple[Ints, Ints, Floats]:
    """Topics at the start and the end, and attention by slot. Choice without replacement by Gumbel top-k."""
    n = len(household)
    groups = sorted({t["group"] for t in topics})
    group_of = np.array([groups.index(t["group"]) for t in topics])
    popularity = -0.7 * np.log(1.0 + rng.permutation(len(topics)))
    lean = np.zeros((n, len(groups)), dtype=np.float32)
    lean[np.arange(n), rng.integers(0, len(groups), n)] += 2.4
    lean[np.arange(n), rng.integers(0, len(groups), n)] += 1.4
    lean[np.arange(n), rng.integers(0, len(groups), households)[household]] += 1.2
    logits = lean[:, group_of] + popularity.astype(np.float32)

    def choose() -> Ints:
        noisy = logits + rng.gumbel(0, 1, logits.shape).astype(np.float32)
        top = np.argpartition(-noisy, SLOTS, axis=1)[:, :SLOTS]
        order = np.argsort(-np.take_along_axis(noisy, top, 1), axis=1)
        return np.take_along_axis(top, order, 1).astype(np.int64)

    now, other = choose(), choose()
    swapped = (rng.random((n, SLOTS)) < parameters.drift_share) & ~(other[:, :, None] == now[:, None, :]).any(2)
    later = np.where(swapped, other, now)
    weight = np.sort(rng.gamma(1.2, 1.0, (n, SLOTS)), axis=1)[:, ::-1]
    weight = np.where(np.arange(SLOTS)[None, :] < rng.integers(2, SLOTS + 1, n)[:, None], weight, 0.0)
    return now, later, weight / weight.sum(1, keepdims=True)


def true_tags(people: People, topics: int) -> Bools:
    """people × topics: what somebody is interested in, the end of the period counting twice its start."""
    attention = np.zeros((len(people), topics))
    rows = np.arange(len(people))[:, None]
    np.add.at(attention, (rows, people.topics), people.attention / 3)
    np.add.at(attention, (rows, people.later_topics), people.attention * 2 / 3)
    return attention >= _TAG_WEIGHT
