"""Each person's engagements from the oldest to the newest: a population in, arrays out; and the split that hides the latest.

Distance of an engagement from the newest, r = (number of newer engagements of the person) / (number of all), equal times sharing
the newest's. Where all of a person's times are equal (undated sources) every r is 0, and order counts for nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.population import Population
from gnn.recommend.options import TimeView

__all__ = ["NEWEST", "History", "distances", "hide_latest", "history_of", "query_weights"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
NEWEST = 500
"""So many of a person's newest engagements are looked at; the older ones count as seen only."""


@dataclass(frozen=True)
class History:
    """n persons, m contents, e engagements; those of person p are `pointers[p]` to `pointers[p + 1]`, oldest first."""

    pointers: Indices
    """(n + 1,)"""
    content: Indices
    """(e,)"""
    at: Indices
    """(e,) microseconds since 1970; 0 where undated."""
    weight: Floats
    """(e,) strength of the engagement, positive."""
    contents: int

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.pointers) - 1

    @property
    def dated(self) -> bool:
        """Whether anybody's engagements have an order."""
        same = self.person[1:] == self.person[:-1]
        return bool((same & (self.at[1:] != self.at[:-1])).any())

    @property
    def person(self) -> Indices:
        """(e,) whose engagement each is."""
        return np.repeat(np.arange(self.persons), np.diff(self.pointers))

    def presence(self) -> sp.csr_matrix:
        """(n, m) float32, 1 where a person engaged with a content; columns within a row are in the order of time."""
        ones = np.ones(len(self.content), np.float32)
        return sp.csr_matrix((ones, self.content, self.pointers), shape=(self.persons, self.contents))

    def of_persons(self, chosen: Indices) -> History:
        """The same of some persons, in the given order."""
        counts = np.diff(self.pointers)[chosen]
        pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        at = np.repeat(self.pointers[:-1][chosen] - pointers[:-1], counts) + np.arange(pointers[-1])
        return History(pointers, self.content[at], self.at[at], self.weight[at], self.contents)

    def among(self, chosen: Indices) -> History:
        """Engagements with the chosen contents alone, numbered by their place among these."""
        place = np.full(self.contents, -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        some = self.kept(place[self.content] >= 0)
        return History(some.pointers, place[some.content], some.at, some.weight, len(chosen))

    def kept(self, keep: npt.NDArray[np.bool_]) -> History:
        """The engagements of a mask (e,)."""
        counts = np.bincount(self.person[keep], minlength=self.persons)
        pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return History(pointers, self.content[keep], self.at[keep], self.weight[keep], self.contents)


def history_of(data: Population) -> History:
    """Engagements of a population in order of time, and of content where times are equal."""
    engagement = data.engagement
    at = np.zeros(engagement.nnz, np.int64) if data.engaged_at is None else data.engaged_at
    person = np.repeat(np.arange(data.persons), np.diff(engagement.indptr))
    order = np.lexsort((engagement.indices, at, person))
    return History(
        pointers=engagement.indptr.astype(np.int64),
        content=engagement.indices[order].astype(np.int64),
        at=at[order],
        weight=engagement.data[order].astype(np.float32),
        contents=data.contents,
    )


def distances(history: History) -> Floats:
    """(e,) r in 0..1 of each engagement."""
    count = np.diff(history.pointers)
    if not len(history.content):
        return np.zeros(0, np.float32)
    person = history.person
    after = history.pointers[1:][person] - 1 - np.arange(len(person))
    last = np.append((person[1:] != person[:-1]) | (history.at[1:] != history.at[:-1]), True)  # of its person and time
    ends = np.flatnonzero(last)
    newest = after[ends[np.searchsorted(ends, np.arange(len(person)))]]
    shares: Floats = (newest / np.maximum(count[person], 1)).astype(np.float32)
    return shares


def query_weights(history: History, view: TimeView) -> sp.csr_matrix:
    """(n, m) float32: what stands for each person when contents are scored, exp(−a r), times the engagement's weight relative to
    the person's mean if the view says so; of the newest NEWEST engagements."""
    values = np.exp(-view.recency * distances(history))
    person = history.person
    if view.by_weight and len(person):
        mean = np.bincount(person, weights=history.weight, minlength=history.persons) / np.maximum(np.diff(history.pointers), 1)
        values = values * history.weight / np.maximum(mean[person], 1e-12)
    old = history.pointers[1:][person] - np.arange(len(person)) > NEWEST
    values = np.where(old, 0, values).astype(np.float32)
    return sp.csr_matrix((values, history.content, history.pointers), shape=(history.persons, history.contents))


def hide_latest(history: History, share: float, seed: int) -> tuple[History, sp.csr_matrix]:
    """What is left when each person's latest share of engagements is hidden, and the hidden ones (n, m). Equal times are put in a
    random order, so that in an undated source any may be hidden. Persons with fewer than five engagements keep all."""
    person = history.person
    drawn = np.random.default_rng([seed, 11]).random(len(person))
    order = np.lexsort((drawn, history.at, person))
    count = np.diff(history.pointers)
    first_hidden = np.where(count >= 5, np.ceil(count * (1 - share)), count)
    place = np.arange(len(person)) - history.pointers[:-1][person]
    keep = np.ones(len(person), np.bool_)
    keep[order[place >= first_hidden[person]]] = False
    hidden = history.kept(~keep)
    return history.kept(keep), hidden.presence()
