"""Views of the labels: a population, its surroundings and whose labels are seen in, what a channel may know out.

A view holds nothing of the persons that it hides: neither their labels nor their tagging events, over any number of hops. Every
fold of sources has a view that hides it, and everybody else the view that hides nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.evidence import Evidence, gather
from gnn.features.matrices import row_sums, scaled_rows
from gnn.features.population import Population
from gnn.features.regression import LogisticRegression, fit_logistic
from gnn.features.surroundings import Surroundings

__all__ = ["CHANNELS", "ChannelOptions", "View", "deal_folds", "place", "see"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_TAGGERS, _AUDIENCE = 3.0, 10.0  # persons that the places of a content count as

CHANNELS: dict[str, tuple[str, ...]] = {
    "tagging": ("tagging_plain", "tagging", "tagging_weighted", "tagging_any", "tagging_any_strong"),
    "friends": ("friends", "friends_two_hops", "friend_contents_plain", "friend_contents", "friend_contents_any"),
    "audience": ("audience", "audience_peak"),
    "neighbours": ("neighbours_20", "neighbours_80"),
    "position": ("position",),
    "structure": ("structure",),
    "breadth": (),
}
"""Each channel by name, and the columns that it gives."""


@dataclass(frozen=True)
class ChannelOptions:
    """Knobs of the channels. `references`: at most so many sources are compared with for the neighbours channels, and are
    regressed on for structure."""

    references: int = 20_000
    ridge: float = 1.0
    penalty: float = 4.0
    """Of the logistic regression on structure."""
    without: frozenset[str] = frozenset()
    """Names of channels, or of their columns, to leave out."""


def deal_folds(sources: Indices, n: int, folds: int, *, seed: int) -> Indices:
    """(n,): the fold of each source, −1 for everybody else. Folds differ by at most one in size."""
    fold = np.full(n, -1, np.int64)
    shuffled = np.random.default_rng(seed).permutation(sources)
    fold[shuffled] = np.arange(len(sources)) % max(folds, 1)
    return fold


@dataclass(frozen=True)
class View:
    """What may be seen when one fold is hidden."""

    prior: Floats
    """(k,): share of the seen sources that have each label."""
    known: Floats
    """(n,): 1 for sources that are seen."""
    labels: sp.csr_matrix
    tagging: Evidence | None
    audience: Evidence
    friend_labels: sp.csr_matrix
    friend_known: Floats
    ridge: Floats
    structure: LogisticRegression | None
    count: Floats
    """(n,): log1p of the number of labels, of the sources that are seen."""
    usual_count: float
    """Mean of `count` over those."""


def see(
    data: Population,
    around: Surroundings,
    told: sp.csr_matrix,
    seen: Bools,
    lends: Bools,
    references: Indices,
    options: ChannelOptions,
) -> View:
    """The view of the labels of `seen` (n,) among `told` (n, k), and of the tagging events of `lends` (n,)."""
    known = seen.astype(np.float32)
    labels = scaled_rows(told, known).copy()
    labels.eliminate_zeros()
    prior = np.asarray((labels.sum(axis=0) + 0.5) / (known.sum() + 1.0), np.float32).ravel()
    popularity = np.asarray(around.binary.getnnz(axis=0), np.float32)
    heard = sp.csr_matrix(around.binary.T @ labels)
    x = around.positions[seen]
    x1 = np.hstack([x, np.ones((len(x), 1), np.float32)])
    penalty = options.ridge * np.eye(x1.shape[1], dtype=np.float32)
    penalty[-1, -1] = 1e-3
    structure = None
    if "structure" not in options.without:
        chosen = references[seen[references]]
        structure = fit_logistic(place(around, chosen), data.labels[chosen], prior, penalty=options.penalty)
    count = np.log1p(row_sums(labels))
    return View(
        prior=prior,
        known=known,
        labels=labels,
        tagging=None if "tagging" in options.without else _tagging(data, around, lends, popularity),
        audience=gather(around.content_places, heard, around.binary.T @ known, popularity, strength=_AUDIENCE),
        friend_labels=sp.csr_matrix(around.related @ labels),
        friend_known=around.related @ known,
        ridge=np.linalg.solve(x1.T @ x1 + penalty, np.asarray(labels[seen].T @ x1).T).astype(np.float32),
        structure=structure,
        count=count,
        usual_count=float(count.sum() / max(known.sum(), 1.0)),
    )


def _tagging(data: Population, around: Surroundings, lends: Bools, popularity: Floats) -> Evidence | None:
    """Of every content: its taggers, and those of them who put each tag on it. None where nobody tags."""
    kept = lends[data.tagged.person]
    if not kept.any():
        return None
    person, content, tag = data.tagged.person[kept], data.tagged.content[kept], data.tagged.tag[kept]
    counts = sp.csr_matrix((np.ones(len(tag), np.float32), (content, tag)), shape=(data.contents, len(data.tags)))
    taggers = np.unique(np.stack([content, person]), axis=1)[0]
    size = np.bincount(taggers, minlength=data.contents).astype(np.float32)
    return gather(around.content_places, counts, size, popularity, strength=_TAGGERS)


def place(around: Surroundings, persons: Indices) -> Floats:
    """(b, d): where persons are in engagement and in the graph of relations."""
    half = around.positions.shape[1] // 2
    return np.hstack([around.positions[persons, :half], around.structure[persons]])
