"""Label channels: what a person's surroundings say about each tag, computed so that nobody's own labels reach their own input.

In: a `Population` and the persons whose labels may be used (`sources`), dealt into folds. Out: for any persons, an array
(persons, tags, channels). Every source's channels are computed from the labels and tagging events of the *other* folds only,
everybody else's from all sources; so a source's own labels are no part of the computation, over any number of hops.
Unlabelled persons lend their tagging events in the same way, to everybody but their own fold; labelled persons who are no
sources lend nothing.

With T_ct what tagging says about content c and A_ct what c's labelled audience says (`gnn.features.evidence`):
tagging        tagging Σ_c w_pc T_ct / Σ_t' T_ct' (idf weights; T coarse), tagging_weighted (idf·log1p weights), tagging_plain (T
               plain); tagging_any log Σ_c −log(1 − a T_ct), the noisy-or of a tag over a person's contents (T fine), and
               tagging_any_strong the same weighted towards the contents a person spends most on
friends        friends (labels of related persons + 3 prior_t) / (labelled related persons + 3), friends_two_hops over two,
               friend_contents, friend_contents_plain and friend_contents_any: as tagging, over the contents of related persons
audience       Σ_c w_pc A_ct, and audience_peak (Σ_c w_pc (A_ct / base_t)^4)^¼
neighbours     votes of the 20 or 80 most similar sources (cosine of idf-weighted engagement), weighted by similarity
position       ridge regression of labels on the SVD positions
structure      logistic regression of labels on positions in the graph of relations and of engagement
breadth        no channel of its own: how many labels similar sources and related ones have, among the scalars
The log of p + ε over that of the channel's mean + ε; standardised. After Zhu & Ghahramani, "Learning from labeled and unlabeled
data with label propagation" (2002), and Shi et al., "Masked Label Prediction" (IJCAI 2021), with folds for random masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import expit, logit

from gnn.features.evidence import Way, through
from gnn.features.nearest import nearest, vote
from gnn.features.population import Population
from gnn.features.surroundings import Surroundings
from gnn.features.views import CHANNELS, ChannelOptions, View, deal_folds, place, see
from graph.side_by_side import each
from graph.side_by_side import parts as parts_of

__all__ = [
    "CHANNELS",
    "ChannelOptions",
    "ChannelReader",
    "LabelChannels",
    "References",
    "Scale",
    "Surroundings",
    "deal_folds",
]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_CELLS = 1_000_000  # persons × tags of one channel computed at a time
_MANY = 20_000  # persons from which views are worth a thread each
_NEAREST = 80
_ROWS = 2048
_ANY = 0.8
_PEAK = 4.0
_LEAST = 1e-3
_SHARES = ("tagging_plain", "tagging", "tagging_weighted", "friend_contents_plain", "friend_contents")


@dataclass(frozen=True)
class Scale:
    """(C,) mean and deviation of the raw channels of a sample of sources."""

    mean: Floats
    deviation: Floats


@dataclass(frozen=True)
class References:
    """The r sources that the neighbours channels compare with."""

    places: Indices
    """(r,): where they stand among the persons of the surroundings; below 0 for those who are not there."""
    fold: Indices
    compared: sp.csr_matrix
    """(m, r): their rows of `similarity`, transposed."""
    labels: sp.csr_matrix
    """(r, k)"""
    count: Floats
    """(r,): log1p of the number of their labels."""


class ChannelReader:
    """Channels of the persons of `around`, from views of the labels. `rows(persons)` is (b, k, C); `names` gives the last axis.
    `scalars(persons)` is (b, S). `view_of` (n,) says which fold is hidden from each person, −1 for none."""

    def __init__(
        self,
        around: Surroundings,
        view_of: Indices,
        views: Mapping[int, View],
        references: References,
        names: tuple[str, ...],
        scale: Scale,
        options: ChannelOptions,
    ) -> None:
        self._around, self.view_of, self.views, self.references = around, view_of, dict(views), references
        self.names, self.scale, self.options = names, scale, options
        self._reference_of = np.full(len(view_of), -1, np.int64)
        there = np.flatnonzero(references.places >= 0)
        self._reference_of[references.places[there]] = there

    @property
    def prior(self) -> Floats:
        """(k,): share of all sources that have each label."""
        return self.views[-1].prior

    def distributions(self, persons: Indices) -> dict[str, Floats]:
        """name → (b, k): the channels as probabilities."""
        raw = self.rows(persons) * self.scale.deviation + self.scale.mean
        view = self.views[-1]
        found = {}
        for i, name in enumerate(self.names):
            centre = self._centre(name, view)
            if name.endswith(("_any", "_any_strong")):
                found[name] = -np.expm1(-np.maximum(np.exp(raw[..., i]) * (centre + _LEAST) - _LEAST, 0))
            elif name == "structure":
                found[name] = expit(raw[..., i] + logit(np.clip(view.prior, 1e-4, 1 - 1e-4)))
            elif name == "audience_peak":
                found[name] = np.exp(raw[..., i]) * view.audience.base
            else:
                floor = _floor(view.prior)
                found[name] = np.exp(raw[..., i]) * (centre + floor) - floor
        return {name: np.clip(p, 0, 1).astype(np.float32) for name, p in found.items()}

    def rows(self, persons: Indices) -> Floats:
        """Standardised channels of these persons, (b, k, C), each from the view that hides the person's own fold."""
        out = np.empty((len(persons), len(self.prior), len(self.names)), np.float32)
        for f, view, part in self._parts(persons):
            self._of(persons[part], f, view, out, part)
        return out

    def scalars(self, persons: Indices) -> Floats:
        """(b, S) of these persons: those of the surroundings, and breadth, each from the view that hides their own fold."""
        fixed = self._around.scalars[persons]
        if "breadth" in self.options.without:
            return fixed
        counts = np.zeros((len(persons), 2), np.float32)
        for f, view, part in self._parts(persons):
            counts[part] = self._breadth(persons[part], f, view)
        return np.hstack([fixed, counts])

    def similar(self, persons: Indices) -> tuple[npt.NDArray[np.int32], Floats]:
        """The most similar references of each, best first, and how similar they are, (b, 80) each; −1 and 0 where there are
        fewer. Neither oneself nor those who are hidden."""
        number = np.full((len(persons), _NEAREST), -1, np.int32)
        weight = np.zeros((len(persons), _NEAREST), np.float32)
        for f, _, part in self._parts(persons):
            number[part], weight[part] = self._nearest(persons[part], f)
        return number, weight

    def _parts(self, persons: Indices) -> Iterator[tuple[int, View, Indices]]:
        """Fold that is hidden, its view, and places among `persons` of those to whom it is, some at a time."""
        step = max(1, _CELLS // max(len(self.prior), 1))
        for f, view in self.views.items():
            mine = np.flatnonzero(self.view_of[persons] == f)
            for start in range(0, len(mine), step):
                yield f, view, mine[start : start + step]

    def _of(self, persons: Indices, hidden: int, view: View, out: Floats, rows: Indices) -> None:
        """Fill `out` (n, k, C) at `rows` (b,)."""
        around, wanted = self._around, self.names
        told = view.tagging or view.audience
        parts = through(told, {n: way for n, way in self._ways().items() if n in wanted}, persons)

        def peak(table: Floats) -> Floats:
            return np.asarray((table / (view.audience.base + 1e-6)) ** _PEAK, np.float32)

        ways = {"audience": Way(around.by_presence, "coarse", _same), "audience_peak": Way(around.by_presence, "fine", peak)}
        parts |= through(view.audience, {n: way for n, way in ways.items() if n in wanted}, persons)
        self._neighbours(persons, hidden, view.prior, parts)

        def speak(part: slice) -> None:
            """The rest of what some of the persons' channels say, and all of it in logs."""
            some = persons[part]
            found = {name: value[part] for name, value in parts.items()}
            related = around.related[some]
            if "friends" in wanted:
                found["friends"] = _vote((related @ view.labels).toarray(), related @ view.known, view.prior, 3)
            if "friends_two_hops" in wanted:
                voters = related @ view.friend_known
                found["friends_two_hops"] = _vote((related @ view.friend_labels).toarray(), voters, view.prior, 10)
            if "position" in wanted:
                x = around.positions[some]
                found["position"] = np.clip(x @ view.ridge[:-1] + view.ridge[-1], 0, 1).astype(np.float32)
            if view.structure is not None:
                found["structure"] = view.structure.logits(place(around, some))
            spoken = np.stack([self._spoken(n, found[n], view) for n in wanted], axis=-1)
            spoken -= self.scale.mean
            spoken /= self.scale.deviation
            out[rows[part]] = spoken

        each(speak, parts_of(len(persons), _ROWS))

    def _ways(self) -> dict[str, Way]:
        around = self._around
        return {
            "tagging_plain": Way(around.by_weight, "plain", _share),
            "tagging": Way(around.by_presence, "coarse", _share),
            "tagging_weighted": Way(around.by_weight, "coarse", _share),
            "tagging_any": Way(around.binary, "fine", _surprise),
            "tagging_any_strong": Way(around.strong, "fine", _surprise),
            "friend_contents_plain": Way(around.by_presence, "plain", _share, around.to_related_engaged),
            "friend_contents": Way(around.by_presence, "coarse", _share, around.to_related_engaged),
            "friend_contents_any": Way(around.binary, "fine", _surprise, around.to_related),
        }

    def _spoken(self, name: str, value: Floats, view: View) -> Floats:
        """How much more than its mean a channel says, in logs."""
        if name == "structure":
            return np.asarray(value - logit(np.clip(view.prior, 1e-4, 1 - 1e-4)), np.float32)
        if name == "audience_peak":
            return np.asarray(np.log(np.maximum(value, 1e-4)) / _PEAK, np.float32)
        centre = self._centre(name, view)
        floor = _LEAST if name.endswith(("_any", "_any_strong")) else _floor(view.prior)
        if name == "audience" or name in _SHARES:  # without contents: what is usual
            value = np.where(value.any(axis=1, keepdims=True), value, centre)
        return np.asarray(np.log(np.maximum(value, 0) + floor) - np.log(centre + floor), np.float32)

    def _centre(self, name: str, view: View) -> Floats:
        """What the channel says about somebody of whom nothing is known."""
        told = view.tagging or view.audience
        if name.endswith(("_any", "_any_strong")):
            return np.asarray(_surprise(told.base) * self._around.fixed.usual_contents, np.float32)
        if name in _SHARES:
            return np.asarray(_share(told.base[None])[0], np.float32)
        return view.audience.base if name == "audience" else view.prior

    def _nearest(self, persons: Indices, hidden: int) -> tuple[npt.NDArray[np.int32], Floats]:
        """The most similar references of each, best first; neither oneself nor those who are hidden."""
        allowed = np.ones(len(self.references.places), np.bool_) if hidden < 0 else self.references.fold != hidden
        return nearest(self._around.similarity, persons, self.references.compared, allowed, self._reference_of[persons], _NEAREST)

    def _neighbours(self, persons: Indices, hidden: int, prior: Floats, parts: dict[str, Floats]) -> None:
        counts = {n: int(n.rsplit("_", 1)[1]) for n in self.names if n.startswith("neighbours_")}
        if not counts:
            return
        number, weight = self._nearest(persons, hidden)
        for name, count in counts.items():
            some = weight[:, :count]
            parts[name] = _vote(vote(number[:, :count], some, self.references.labels), some.sum(axis=1), prior, 0.5)

    def _breadth(self, persons: Indices, hidden: int, view: View) -> Floats:
        """(b, 2): mean log count of labels among the 80 most similar sources, and among related ones; shrunk to the mean."""
        mean = view.usual_count
        related = self._around.related[persons]
        friends = (related @ view.count + 3 * mean) / (related @ view.known + 3)
        number, weight = self._nearest(persons, hidden)
        if not len(self.references.places):
            return np.stack([np.full(len(persons), mean), friends], axis=1).astype(np.float32)
        near = ((weight * self.references.count[number]).sum(axis=1) + 0.5 * mean) / (weight.sum(axis=1) + 0.5)
        return np.stack([near, friends], axis=1).astype(np.float32)


class LabelChannels(ChannelReader):
    """Channels of one set of sources, whose views are made here."""

    def __init__(
        self, data: Population, around: Surroundings, fold: Indices, options: ChannelOptions | None = None, *, seed: int = 0
    ) -> None:
        options = options or ChannelOptions()
        self.fold = fold
        self.sources = np.flatnonzero(fold >= 0)
        view_of = _lenders(data, fold, seed)
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.choice(self.sources, min(options.references, len(self.sources)), replace=False))
        told = sp.csr_matrix(data.labels * (fold >= 0)[:, None])

        def view(f: int) -> View:
            return see(data, around, told, (fold >= 0) & (fold != f), (view_of >= 0) & (view_of != f), chosen, options)

        hidden = sorted(set(view_of.tolist()) | {-1})
        views = dict(zip(hidden, each(view, hidden) if data.persons > _MANY else [view(f) for f in hidden], strict=True))
        names = _available(data, around, view_of, options)
        unscaled = Scale(np.zeros(len(names), np.float32), np.ones(len(names), np.float32))
        super().__init__(around, view_of, views, _references(data, around, fold, chosen), names, unscaled, options)
        sample = self.sources if len(self.sources) <= 4096 else generator.choice(self.sources, 4096, replace=False)
        raw = self.rows(np.sort(sample))
        mean, deviation = raw.mean(axis=(0, 1), dtype=np.float64), raw.std(axis=(0, 1), dtype=np.float64)
        self.scale = Scale(mean.astype(np.float32), np.maximum(deviation, 1e-3).astype(np.float32))


def _references(data: Population, around: Surroundings, fold: Indices, chosen: Indices) -> References:
    return References(
        places=chosen,
        fold=fold[chosen],
        compared=around.similarity[chosen].T.tocsr(),
        labels=sp.csr_matrix(data.labels[chosen]),
        count=np.log1p(data.labels[chosen].sum(axis=1)),
    )


def _lenders(data: Population, fold: Indices, seed: int) -> Indices:
    """`fold`, and folds for the unlabelled persons who tag, so that their tagging events never reach themselves."""
    view_of = fold.copy()
    tagging = np.zeros(data.persons, np.bool_)
    tagging[data.tagged.person] = True
    others = np.flatnonzero(tagging & ~data.labelled & (fold < 0))
    if len(others) and (fold >= 0).any():
        dealt = deal_folds(others, data.persons, int(fold.max()) + 1, seed=seed)
        view_of[others] = dealt[others]
    return view_of


def _available(data: Population, around: Surroundings, view_of: Indices, options: ChannelOptions) -> tuple[str, ...]:
    related, tagging = around.related.nnz > 0, bool((view_of[data.tagged.person] >= 0).any())
    skipped = set() if tagging else {"tagging"}
    skipped |= set() if related else {"friends"}
    columns = [c for group, names in CHANNELS.items() if group not in options.without | skipped for c in names]
    return tuple(c for c in columns if c not in options.without)


def _vote(votes: Floats, voters: Floats, prior: Floats, strength: float) -> Floats:
    return np.asarray((votes + strength * prior) / (np.asarray(voters).reshape(-1, 1) + strength), np.float32)


def _same(table: Floats) -> Floats:
    return table


def _share(table: Floats) -> Floats:
    """What share of all that is said of a content each tag has."""
    return np.asarray(table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9), np.float32)


def _surprise(table: Floats) -> Floats:
    """−log(1 − a T): what one content adds to the noisy-or."""
    return np.asarray(-np.log1p(-_ANY * np.minimum(table, 0.95)), np.float32)


def _floor(prior: Floats) -> Floats:
    return np.asarray(0.1 * prior + 1e-4, np.float32)
