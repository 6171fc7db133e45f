"""Score matrices to the tables of `graph.interests`: taxonomies and content scores in, TAGS and ABOUT rows out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.taxonomy import Taxonomy, of_strings
from graph.interests import ABOUT, TAGS

__all__ = ["ContentScores", "about_rows", "tag_rows"]

_KEPT = 10
_LEAST = 0.01


@dataclass(frozen=True)
class ContentScores:
    """`values` (m, k) in 0..1 for tags `names` (k), or None where nothing is known."""

    names: list[str]
    values: npt.NDArray[np.float32] | None


def tag_rows(taxonomy: Taxonomy | None, columns: list[str], categories: list[str]) -> pa.Table:
    """TAGS rows: those of `columns` first and in their order, then the rest of the taxonomy that leads to them (parents), then
    categories that are no tag yet."""
    rows = [] if taxonomy is None else taxonomy.table().to_pylist()
    by_id = {r["tag_id"]: r for r in rows}
    loose = {r["tag_id"]: r for r in of_strings("labels", columns).table().to_pylist()}
    chosen = {c: by_id.get(c, loose[c]) for c in columns}
    for row in list(chosen.values()):
        above = row["parent_id"]
        while above is not None and above not in chosen:
            chosen[above] = by_id[above]
            above = by_id[above]["parent_id"]
    for row in of_strings("category", categories).table().to_pylist():
        chosen.setdefault(row["tag_id"], row)
    return pa.Table.from_pylist(list(chosen.values()), schema=TAGS)


def about_rows(content_ids: list[str], scores: list[ContentScores]) -> pa.Table:
    """ABOUT rows: each content's best ten tags of each matrix that score at least .01, one row a pair (the higher score)."""
    best: dict[tuple[int, str], float] = {}
    for part in scores:
        values = part.values
        if values is None or not values.shape[1]:
            continue
        for start in range(0, len(values), 8192):
            chunk = values[start : start + 8192]
            kept = chunk >= _LEAST
            if chunk.shape[1] > _KEPT:
                kept &= chunk >= np.partition(chunk, -_KEPT, axis=1)[:, -_KEPT][:, None]
            for row, column in zip(*np.nonzero(kept), strict=True):
                pair = (start + int(row), part.names[column])
                best[pair] = max(best.get(pair, 0.0), float(chunk[row, column]))
    pairs = sorted(best)
    return pa.table(
        [
            pa.array([content_ids[c] for c, _ in pairs], pa.string()),
            pa.array([t for _, t in pairs], pa.string()),
            pa.array([best[p] for p in pairs], pa.float64()),
        ],
        schema=ABOUT,
    )
