"""Has the world moved away from what a version was trained on? A version's reference and today's population in, a row per watched
value out. Neither holds anything about a single person: histograms and hashes of content ids.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import logit

from gnn.features.population import Population
from gnn.monitor.stability import MAJOR, MODERATE, Histogram, chance_index, histogram, stability_index, state_of
from gnn.monitor.values import watched
from gnn.registry import Reference, Version
from graph.errors import ModelError

__all__ = ["Drift", "DriftRow", "drift", "reference_of"]

_KINDS = ("inputs", "channels", "scores")
_DESIGN_EFFECT = 2.0
"""What chance alone does to channels is taken to be twice what independent draws would give (Kish, "Survey Sampling", 1965):
persons share the friends, contents and labelled people that speak of them."""
_FEWEST = 100
"""People scored again, below whom their scores are not watched."""
_FLOOR = 1e-4
_WORST = ("unknown", "stable", "moderate", "major")


@dataclass(frozen=True)
class DriftRow:
    """`kind`: inputs, labels, channels, scores, contents, or refreshed: probabilities of the people scored again since the
    training, against those that it gave the same people. `index`: PSI; for contents the share that was unknown at training.
    `chance`: the PSI that chance alone stays under 19 times in 20, with all rows of the kind together. `state`: unknown, stable,
    moderate or major. `then` and `now`: means at training and today."""

    kind: str
    what: str
    index: float | None
    chance: float | None
    state: str
    then: float | None
    now: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Drift:
    """Every row, and the worst state among them."""

    version: str
    persons_then: int
    persons_now: int
    rows: tuple[DriftRow, ...]

    @property
    def state(self) -> str:
        """The worst state of a row."""
        return max((row.state for row in self.rows), key=_WORST.index, default="unknown")


def reference_of(data: Population, about: pa.Table, tag_ids: list[str], *, seed: int) -> Reference:
    """What `drift` will compare with: taken at training, of the training's population and what it says contents are about."""
    found = watched(data, about, tag_ids, seed=seed)
    told = {
        kind: {
            name: {**histogram(v, soft=kind != "inputs").as_dict(), "mean": _mean(v)} for name, v in getattr(found, kind).items()
        }
        for kind in _KINDS
    }
    labels = {"tags": data.tags, "counts": _label_counts(data, data.tags)}
    return Reference({"persons": data.persons, "seed": seed, "labels": labels, **told}, _hashes(data.content_ids))


def drift(version: Version, data: Population) -> Drift:
    """Compare today's population with the version's training. Raises ModelError for a version without a reference."""
    reference = _read(version.folder)
    found = watched(data, version.about, version.tag_ids, seed=int(reference["seed"]))
    rows = _label_shares(reference["labels"], data)
    for kind in _KINDS:
        now = getattr(found, kind)
        level = 1 - 0.05 / max(len(reference[kind]), 1)
        for name, told in reference[kind].items():
            rows.append(_row(kind, name, told, now.get(name, np.zeros(0)), level))
    rows += _unknown_contents(version.folder, data)
    rows += _refreshed(version)
    return Drift(version.name, int(reference["persons"]), data.persons, tuple(rows))


def _row(kind: str, name: str, told: dict[str, Any], values: npt.NDArray[Any], level: float) -> DriftRow:
    then = Histogram.from_dict(told)
    now = then.of(values)
    index = stability_index(then, now)
    chance = chance_index(then, now, level=level) * (_DESIGN_EFFECT if kind == "channels" else 1.0)
    known = None if np.isnan(index) else index
    return DriftRow(kind, name, known, chance, state_of(index, chance), told["mean"], _mean(values))


def _refreshed(version: Version) -> list[DriftRow]:
    """Log-odds of each tag, and of the most probable one, of whom the training knew and a refresh has scored since; nothing where
    they are few."""
    now = version.refreshed
    place = pc.index_in(now.person_ids, value_set=version.person_ids)
    both = pc.is_valid(place).to_numpy(zero_copy_only=False)
    if both.sum() < _FEWEST:
        return []
    then = _odds(version.probabilities[place.drop_null().to_numpy()])
    today = _odds(now.probabilities[both])
    named = {"strongest": (then.max(axis=1), today.max(axis=1))}
    named |= {f"tag {tag}": (then[:, t], today[:, t]) for t, tag in enumerate(version.tag_ids)}
    level = 1 - 0.05 / len(named)
    return [
        _row("refreshed", name, {**histogram(before, soft=True).as_dict(), "mean": _mean(before)}, after, level)
        for name, (before, after) in named.items()
    ]


def _odds(probability: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    odds: npt.NDArray[np.float64] = logit(np.clip(np.asarray(probability, np.float64), _FLOOR, 1 - _FLOOR))
    return odds


def _label_counts(data: Population, tags: list[str]) -> list[float]:
    """Labels of each tag; those of any other tag last."""
    total = dict(zip(data.tags, np.asarray(data.labels.sum(axis=0), np.float64).tolist(), strict=True))
    known = [float(total.pop(tag, 0.0)) for tag in tags]
    return [*known, float(sum(total.values()))]


def _label_shares(told: dict[str, Any], data: Population) -> list[DriftRow]:
    """PSI with a bin for each tag: have the shares of the labels moved."""
    if len(told["tags"]) < 2:
        return []
    edges = tuple(float(i) for i in range(1, len(told["counts"])))
    then, now = (
        Histogram(edges, tuple(counts), round(sum(counts))) for counts in (told["counts"], _label_counts(data, told["tags"]))
    )
    index, chance = stability_index(then, now), chance_index(then, now)
    return [DriftRow("labels", "tags", None if np.isnan(index) else index, chance, state_of(index, chance), None, None)]


def _unknown_contents(folder: Path, data: Population) -> list[DriftRow]:
    """Share of the engaged contents, and of the engagements, with contents that the training did not know. The thresholds are
    those of the PSI, read as shares: a tenth, and a quarter."""
    engaged = np.asarray(data.engagement.getnnz(axis=0), np.float64)
    if not engaged.any():
        return []
    known = np.isin(_hashes(data.content_ids, ordered=False), np.load(folder / "contents.npy", allow_pickle=False))
    used = engaged > 0
    shares = {
        "unknown contents": float((~known[used]).mean()),
        "unknown engagements": float(engaged[~known].sum() / engaged.sum()),
    }
    states = ("stable", "moderate", "major")
    return [
        DriftRow("contents", name, share, None, states[int(share >= MODERATE) + int(share >= MAJOR)], 0.0, share)
        for name, share in shares.items()
    ]


def _read(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "reference.json").read_text())
        return found
    except (OSError, ValueError) as error:
        raise ModelError(f"model version {folder.name} has no reference to compare with; run `tessera train`") from error


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _hashes(ids: list[str], *, ordered: bool = True) -> npt.NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(i.encode(), digest_size=8).digest() for i in ids)
    found = np.frombuffer(digests, np.uint64)
    return np.unique(found) if ordered else found
