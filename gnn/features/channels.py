"""Label channels: what a person's surroundings say about each tag, computed so that nobody's own labels reach their own input.

In: a `Population` and the persons whose labels may be used (`sources`), dealt into folds. Out: for any persons, an array
(persons, tags, channels). Every source's channels are computed from the labels and tagging events of the *other* folds only,
everybody else's from all sources; so a source's own labels are no part of the computation, over any number of hops.
Persons who are no sources lend neither labels nor tagging events to anybody.

Channels, each a smoothed distribution p over tags, given as log(p + ε) − log(prior + ε) and standardised:
tagging          Σ_c w_pc T_ct, T_ct = (taggings of c with t + 3 base_t) / (taggings of c + 3); w idf or idf·log1p weights
friend_tagging   the same over the contents of related persons
audience         Σ_c w_pc (labels of c's audience + 5 prior_t) / (labelled audience of c + 5)
friends          (labels of related persons + 3 prior_t) / (labelled related persons + 3); friends_two_hops likewise over two
neighbours       votes of the 20 or 80 most similar sources (cosine of idf-weighted engagement), weighted by similarity
position         ridge regression of labels on the SVD positions
After Zhu & Ghahramani, "Learning from labeled and unlabeled data with label propagation" (2002), and Shi et al., "Masked Label
Prediction" (IJCAI 2021), with folds in place of random masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import idf, normalised, positions, presence
from gnn.features.population import Population

__all__ = ["ChannelOptions", "LabelChannels", "Surroundings", "deal_folds"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_BATCH = 2048


@dataclass(frozen=True)
class ChannelOptions:
    """Knobs of the channels. `references`: at most so many sources are compared with for the neighbours channels."""

    references: int = 20_000
    position_dimensions: int = 64
    ridge: float = 1.0
    without: frozenset[str] = frozenset()
    """Names of channels to leave out."""


class Surroundings:
    """Label-free matrices that every fold shares: built once for a population."""

    def __init__(self, data: Population, *, dimensions: int, seed: int) -> None:
        weights = sp.diags(idf(data.engagement))
        binary = presence(data.engagement)
        weighted = sp.csr_matrix(data.engagement @ weights)
        self.by_presence = normalised(sp.csr_matrix(binary @ weights), "l1")
        self.by_weight = normalised(weighted, "l1")
        self.binary = binary
        self.similarity = normalised(weighted, "l2")
        self.related = presence(data.relations)
        self.of_related = normalised(sp.csr_matrix(normalised(self.related, "l1") @ self.by_presence), "l1")
        scaled, _ = positions(self.similarity, dimensions, seed=seed)
        self.positions = scaled * np.float32(np.sqrt(dimensions))
        self.activity = np.log1p(np.asarray(binary.getnnz(axis=1), np.float32))
        self.friends = np.log1p(np.asarray(self.related.getnnz(axis=1), np.float32))


def deal_folds(sources: Indices, n: int, folds: int, *, seed: int) -> Indices:
    """(n,): the fold of each source, −1 for everybody else. Folds differ by at most one in size."""
    fold = np.full(n, -1, np.int64)
    shuffled = np.random.default_rng(seed).permutation(sources)
    fold[shuffled] = np.arange(len(sources)) % max(folds, 1)
    return fold


@dataclass(frozen=True)
class _View:
    """What may be seen when one fold is hidden: smoothed tables split into a sparse part and a rank-one part."""

    prior: Floats
    known: Floats
    labels: sp.csr_matrix
    tagging: sp.csr_matrix
    tagging_base: Floats
    tagging_share: Floats
    audience: sp.csr_matrix
    audience_share: Floats
    friend_labels: sp.csr_matrix
    friend_known: Floats
    ridge: Floats


class LabelChannels:
    """Channels of one set of sources. `rows(persons)` is (b, k, C); `names` gives the last axis."""

    def __init__(
        self, data: Population, around: Surroundings, fold: Indices, options: ChannelOptions | None = None, *, seed: int = 0
    ) -> None:
        self._options = options or ChannelOptions()
        self._data = data
        self._around = around
        self.fold = fold
        self.sources = np.flatnonzero(fold >= 0)
        hidden = sorted(set(fold.tolist()) | {-1})
        self._views = {f: self._view(f) for f in hidden}
        self.prior = self._views[-1].prior
        reference_count = min(self._options.references, len(self.sources))
        generator = np.random.default_rng(seed)
        self._references = np.sort(generator.choice(self.sources, reference_count, replace=False))
        self._compared = self._around.similarity[self._references].T.tocsr()
        self._reference_labels = sp.csr_matrix(data.labels[self._references])
        self.names = self._available()
        self._mean, self._deviation = np.zeros(len(self.names), np.float32), np.ones(len(self.names), np.float32)
        sample = self.sources if len(self.sources) <= 4096 else generator.choice(self.sources, 4096, replace=False)
        raw = self.rows(np.sort(sample))
        self._mean = raw.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        self._deviation = np.maximum(raw.std(axis=(0, 1), dtype=np.float64), 1e-3).astype(np.float32)

    def distributions(self, persons: Indices) -> Floats:
        """The channels as the distributions p that they smooth, (b, k, C)."""
        raw = self.rows(persons) * self._deviation + self._mean
        view = self._views[-1]
        centres = np.stack([_centre(n, view) for n in self.names], axis=-1)
        floor = (0.1 * view.prior + 1e-4)[:, None]
        return np.asarray(np.exp(raw) * (centres + floor) - floor, np.float32)

    def rows(self, persons: Indices) -> Floats:
        """Standardised channels of these persons, (b, k, C), each from the view that hides the person's own fold."""
        out = np.zeros((len(persons), len(self._data.tags), len(self.names)), np.float32)
        for f, view in self._views.items():
            mine = np.flatnonzero(self.fold[persons] == f)
            for start in range(0, len(mine), _BATCH):
                part = mine[start : start + _BATCH]
                out[part] = self._of(persons[part], f, view)
        out -= self._mean
        out /= self._deviation
        return out

    def _available(self) -> tuple[str, ...]:
        names = ["audience", "neighbours_20", "neighbours_80", "position"]
        tagging, related = self._views[-1].tagging.nnz > 0, self._around.related.nnz > 0
        names += ["tagging", "tagging_weighted"] if tagging else []
        names += ["friends", "friends_two_hops"] if related else []
        names += ["friend_tagging"] if tagging and related else []
        return tuple(n for n in names if n not in self._options.without)

    def _view(self, hidden: int) -> _View:
        data, around = self._data, self._around
        seen = (self.fold >= 0) & (self.fold != hidden)
        k, m = len(data.tags), data.contents
        known = seen.astype(np.float32)
        labels = sp.csr_matrix(data.labels * known[:, None])
        prior = np.asarray((labels.sum(axis=0) + 0.5) / (known.sum() + 1.0), np.float32).ravel()
        kept = seen[data.tagged.person]
        counts = sp.csr_matrix(
            (data.tagged.count[kept], (data.tagged.content[kept], data.tagged.tag[kept])), shape=(m, k), dtype=np.float32
        )
        total = np.asarray(counts.sum(axis=1)).ravel()
        base = np.asarray(counts.sum(axis=0)).ravel() + prior
        base = (base / base.sum()).astype(np.float32) if k else base.astype(np.float32)
        audience_size = around.binary.T @ known
        audience = sp.csr_matrix(around.binary.T @ labels)
        x = around.positions[seen]
        x1 = np.hstack([x, np.ones((len(x), 1), np.float32)])
        penalty = self._options.ridge * np.eye(x1.shape[1], dtype=np.float32)
        penalty[-1, -1] = 1e-3
        ridge = np.linalg.solve(x1.T @ x1 + penalty, x1.T @ data.labels[seen])
        return _View(
            prior=prior,
            known=known,
            labels=labels,
            tagging=sp.csr_matrix(sp.diags((1 / (total + 3)).astype(np.float32)) @ counts),
            tagging_base=base,
            tagging_share=(3 / (total + 3)).astype(np.float32),
            audience=sp.csr_matrix(sp.diags((1 / (audience_size + 5)).astype(np.float32)) @ audience),
            audience_share=(5 / (audience_size + 5)).astype(np.float32),
            friend_labels=sp.csr_matrix(around.related @ labels),
            friend_known=around.related @ known,
            ridge=ridge.astype(np.float32),
        )

    def _of(self, persons: Indices, hidden: int, view: _View) -> Floats:
        around, prior = self._around, view.prior
        parts: dict[str, Floats] = {}
        wanted = self.names

        def through(rows: sp.csr_matrix, table: sp.csr_matrix, share: Floats, base: Floats) -> Floats:
            missing = 1 - np.asarray(rows.sum(axis=1))  # a person without contents has the base
            return np.asarray((rows @ table).toarray() + ((rows @ share)[:, None] + missing) * base, np.float32)

        by_presence = around.by_presence[persons]
        if "audience" in wanted:
            parts["audience"] = through(by_presence, view.audience, view.audience_share, prior)
        if "tagging" in wanted:
            parts["tagging"] = through(by_presence, view.tagging, view.tagging_share, view.tagging_base)
        if "tagging_weighted" in wanted:
            weighted = around.by_weight[persons]
            parts["tagging_weighted"] = through(weighted, view.tagging, view.tagging_share, view.tagging_base)
        if "friend_tagging" in wanted:
            of_related = around.of_related[persons]
            parts["friend_tagging"] = through(of_related, view.tagging, view.tagging_share, view.tagging_base)
        related = around.related[persons]
        if "friends" in wanted:
            parts["friends"] = _vote(related @ view.labels, related @ view.known, prior, 3)
        if "friends_two_hops" in wanted:
            parts["friends_two_hops"] = _vote(related @ view.friend_labels, related @ view.friend_known, prior, 10)
        self._neighbours(persons, hidden, prior, parts)
        if "position" in wanted:
            x = around.positions[persons]
            parts["position"] = np.clip(x @ view.ridge[:-1] + view.ridge[-1], 0, 1).astype(np.float32)
        floor = 0.1 * prior + 1e-4
        stacked = [np.log(parts[n] + floor) - np.log(_centre(n, view) + floor) for n in wanted]
        return np.stack(stacked, axis=-1).astype(np.float32)

    def _neighbours(self, persons: Indices, hidden: int, prior: Floats, parts: dict[str, Floats]) -> None:
        counts = {n: int(n.rsplit("_", 1)[1]) for n in self.names if n.startswith("neighbours_")}
        if not counts:
            return
        similarity = np.asarray((self._around.similarity[persons] @ self._compared).toarray(), np.float32)
        similarity[persons[:, None] == self._references[None, :]] = 0
        if hidden >= 0:
            similarity[:, self.fold[self._references] == hidden] = 0
        for name, count in counts.items():
            near = min(count, similarity.shape[1])
            if near == 0:
                parts[name] = np.tile(prior, (len(persons), 1))
                continue
            columns = np.argpartition(-similarity, near - 1, axis=1)[:, :near]
            weights = np.take_along_axis(similarity, columns, axis=1)
            rows = np.repeat(np.arange(len(persons)), near)
            votes = sp.csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=similarity.shape)
            parts[name] = _vote(votes @ self._reference_labels, weights.sum(axis=1), prior, 0.5)


def _vote(votes: sp.csr_matrix, voters: Floats, prior: Floats, strength: float) -> Floats:
    return np.asarray((votes.toarray() + strength * prior) / (np.asarray(voters).reshape(-1, 1) + strength), np.float32)


def _centre(name: str, view: _View) -> Floats:
    """What the channel says about somebody of whom nothing is known."""
    return view.tagging_base if "tagging" in name else view.prior
