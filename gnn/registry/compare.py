"""Two versions side by side: which is better on the people whose labels are known, and what changed for everybody.

A labelled person's probabilities were learned from other people's labels alone (members of the ensemble answer for the fold that
they did not learn from), so both versions can be measured on everybody whose labels the second knew and whom both know, over the
tags of both, person by person (`gnn.evaluate.paired`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import logit

from gnn.evaluate import tag_metrics
from gnn.evaluate.paired import paired_difference
from gnn.monitor.stability import chance_index, histogram, stability_index, state_of
from gnn.registry.version import Version, load

__all__ = ["compare"]

Floats = npt.NDArray[np.float32]
_MEASURES = ("map", "auc", "p_at_5", "calibration_error", "brier_skill")
_SAMPLE = 50_000
_SHOWN = 10


def compare(models: Path, first: str, second: str, *, seed: int = 0) -> dict[str, Any]:
    """`reports`: the metrics that each training reported of its own held-out persons. `common`: persons and tags of both.
    `labelled`: metrics of both on the same labelled persons. `difference`: of mAP there, second minus first, with its interval;
    None where nobody's labels are known. `top tag changed`: share of the common persons. `stability`: PSI of the scores.
    `options`: those that differ. Raises ModelError."""
    a, b = load(models, first), load(models, second)
    rows_a = pc.index_in(b.person_ids, value_set=a.person_ids)
    both = np.flatnonzero(pc.is_valid(rows_a).to_numpy(zero_copy_only=False))
    rows = {"a": rows_a.fill_null(-1).to_numpy(zero_copy_only=False)[both], "b": both}
    tags = [t for t in b.tag_ids if t in set(a.tag_ids)]
    columns = {"a": [a.tag_ids.index(t) for t in tags], "b": [b.tag_ids.index(t) for t in tags]}
    found: dict[str, Any] = {
        "first": first,
        "second": second,
        "reports": [_report(v) for v in (a, b)],
        "common": {"persons": len(both), "tags": len(tags), "only first": len(a.person_ids) - len(both)}
        | {"only second": len(b.person_ids) - len(both)},
    }
    found |= _measured(a, b, rows, columns, seed)
    found["top tag changed"] = _top_changed(a, b, rows)
    found["stability"] = _stability(a, b, rows, columns, tags, seed)
    found["options"] = _options(a, b)
    return found


def _report(version: Version) -> dict[str, Any]:
    report = version.metrics.get("report", {}).get("model", {})
    return {"version": version.name, "persons": report.get("persons"), **{m: report.get(m) for m in _MEASURES}}


def _measured(a: Version, b: Version, rows: dict[str, Any], columns: dict[str, list[int]], seed: int) -> dict[str, Any]:
    values, labelled = b.labels()
    known = labelled[rows["b"]]
    truth = values[rows["b"][known]][:, columns["b"]]
    if not truth.size or not (truth >= 0.5).any():
        return {"labelled": [], "difference": None}
    one = np.asarray(a.probabilities)[rows["a"][known]][:, columns["a"]]
    other = np.asarray(b.probabilities)[rows["b"][known]][:, columns["b"]]
    measured = []
    for version, scores in ((a, one), (b, other)):
        metrics = tag_metrics(truth, scores, seed=seed).as_dict()
        measured.append({"version": version.name, "persons": metrics["persons"], **{m: metrics[m] for m in _MEASURES}})
    return {"labelled": measured, "difference": paired_difference(truth, one, other, seed=seed).as_dict()}


def _top_changed(a: Version, b: Version, rows: dict[str, Any]) -> float | None:
    if not len(rows["b"]) or not a.tag_ids or not b.tag_ids:
        return None
    ids = pa.array(a.tag_ids, pa.string()), pa.array(b.tag_ids, pa.string())
    top = [_top(v.probabilities, r) for v, r in ((a, rows["a"]), (b, rows["b"]))]
    other = pc.not_equal(ids[0].take(pa.array(top[0])), ids[1].take(pa.array(top[1])))
    return float(pc.mean(other.cast(pa.float64())).as_py())


def _top(probabilities: Floats, rows: npt.NDArray[np.int64], step: int = 65_536) -> npt.NDArray[np.int64]:
    parts = [np.asarray(probabilities[rows[i : i + step]]).argmax(axis=1) for i in range(0, len(rows), step)]
    return np.concatenate(parts).astype(np.int64)


def _stability(
    a: Version, b: Version, rows: dict[str, Any], columns: dict[str, list[int]], tags: list[str], seed: int
) -> dict[str, Any]:
    """PSI of each common tag's scores, first to second, over the persons of each: the mean, and the tags that moved most."""
    drawn = [_drawn(len(v.person_ids), seed) for v in (a, b)]
    left = np.asarray(a.probabilities)[drawn[0]] if tags else np.zeros((0, 0), np.float32)
    right = np.asarray(b.probabilities)[drawn[1]] if tags else np.zeros((0, 0), np.float32)
    moved: list[dict[str, Any]] = []
    for tag, i, j in zip(tags, columns["a"], columns["b"], strict=True):
        then = histogram(_odds(left[:, i]), soft=True)
        now = then.of(_odds(right[:, j]))
        index = stability_index(then, now)
        moved.append({"tag": tag, "index": index, "state": state_of(index, chance_index(then, now, level=1 - 0.05 / len(tags)))})
    moved.sort(key=lambda row: (-row["index"], row["tag"]))
    mean = float(np.mean([row["index"] for row in moved])) if moved else None
    return {"mean": mean, "tags": moved[:_SHOWN]}


def _odds(probability: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    odds: npt.NDArray[np.float64] = logit(np.clip(probability.astype(np.float64), 1e-4, 1 - 1e-4))
    return odds


def _drawn(n: int, seed: int) -> npt.NDArray[np.int64]:
    if n <= _SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _SAMPLE, replace=False))


def _options(a: Version, b: Version) -> dict[str, list[Any]]:
    one, other = (dict(v.details.get("options", {})) for v in (a, b))
    return {n: [one.get(n), other.get(n)] for n in sorted(one.keys() | other.keys()) if one.get(n) != other.get(n)}
