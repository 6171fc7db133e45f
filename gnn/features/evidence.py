"""What contents say about tags, in one view of the labels: counts of (content, tag) in, a smoothed share per content and tag out.

    T_ct = (counts_ct + s P_ct) / (size_c + s)
counts are persons who put t on c out of size_c taggers of c, or persons labelled t out of c's labelled audience. A content that
few or none spoke of is taken for what P says, at one of three resolutions: `plain` the mean over contents, `coarse` and `fine`
max(x_cᵀ w_t, 0) with x_c the first quarter or the whole of the content's position, and w_t the ridge regression of the raw
shares on it, weighted by size. Held sparse and low-rank; dense only for the contents that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.products import add_rows, add_rows_of_related, columns_of

__all__ = ["Evidence", "Way", "gather", "through"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_RIDGE = 30.0
_MOST = 30.0  # a content's weight in the regression grows with its size up to here
_CELLS = 8_000_000  # contents × tags held dense at a time, in each table


@dataclass(frozen=True)
class Evidence:
    """`places` (m, d) and `weights` (d, k) by resolution, `counts` (m, k) sparse, `size` (m,), `usual` (k,) the mean of `plain`,
    `base` (k,) the mean of T over engagements."""

    places: dict[str, Floats]
    weights: dict[str, Floats]
    counts: sp.csr_matrix
    size: Floats
    strength: float
    usual: Floats
    base: Floats

    def table(self, contents: Indices, resolution: str = "coarse") -> Floats:
        """T of these contents, dense (c, k)."""
        near: Floats = self.usual
        if resolution != "plain":
            near = np.maximum(self.places[resolution][contents] @ self.weights[resolution], 0)
        found = self.counts[contents].toarray() + self.strength * near
        return np.asarray(found / (self.size[contents] + self.strength)[:, None], np.float32)


@dataclass(frozen=True)
class Way:
    """Weights of contents `rows` (n, m), or those of the persons `via` (n, n), and what is summed: `function` of T at a
    resolution."""

    rows: sp.csr_matrix
    resolution: str
    function: Callable[[Floats], Floats]
    via: sp.csr_matrix | None = None


def gather(places: dict[str, Floats], counts: sp.csr_matrix, size: Floats, popularity: Floats, *, strength: float) -> Evidence:
    """Fit the regressions; `popularity` (m,) weights the base."""
    k = counts.shape[1]
    weight = np.minimum(size, _MOST).astype(np.float32)
    shares = sp.csr_matrix(sp.diags((1 / np.maximum(size, 1)).astype(np.float32)) @ counts)
    weights = {}
    for resolution, x in places.items():
        scaled = (x * weight[:, None]).astype(np.float64)
        gram = scaled.T @ x + _RIDGE * np.eye(x.shape[1])
        weights[resolution] = np.linalg.solve(gram, np.asarray(shares.T @ scaled).T).astype(np.float32)
    usual = (np.asarray(counts.sum(axis=0)).ravel() / max(float(size.sum()), 1.0)).astype(np.float32)
    found = Evidence(places, weights, sp.csr_matrix(counts), size.astype(np.float32), strength, usual, usual)
    base = np.zeros(k)
    for chunk in _chunks(np.flatnonzero(popularity > 0), k):
        base += popularity[chunk] @ found.table(chunk)
    return replace(found, base=(base / max(float(popularity.sum()), 1.0)).astype(np.float32))


def through(evidence: Evidence, ways: dict[str, Way], persons: Indices) -> dict[str, Floats]:
    """name → (b, k) of `persons` Σ_c w_pc f(T_ct) for each named way, with w = `rows`, or `via` @ `rows`, which is not stored.
    Each touched content's row of T is computed once for each resolution, so long as the tables of all of them are small."""
    m, k = evidence.counts.shape
    out = {name: np.zeros((len(persons), k), np.float32) for name in ways}
    for chunk in _chunks(_touched(ways, persons, m), k):
        place = np.full(m, -1, np.int32)
        place[chunk] = np.arange(len(chunk), dtype=np.int32)
        tables: dict[str, Floats] = {}
        done: dict[tuple[str, Callable[[Floats], Floats]], Floats] = {}
        for name, way in ways.items():
            key = (way.resolution, way.function)
            if key not in done:
                if way.resolution not in tables:
                    tables[way.resolution] = evidence.table(chunk, way.resolution)
                done[key] = way.function(tables[way.resolution])
            if way.via is None:
                add_rows(way.rows, persons, done[key], place, out[name])
            else:
                add_rows_of_related(way.via, way.rows, persons, done[key], place, out[name])
    return out


def _touched(ways: dict[str, Way], persons: Indices, m: int) -> Indices:
    """Contents that any of the ways leads to from these persons, sorted."""
    there = np.zeros(m, np.bool_)
    for rows, via in {(id(w.rows), id(w.via)): (w.rows, w.via) for w in ways.values()}.values():
        reached = persons if via is None else np.unique(columns_of(via, persons)).astype(np.int64)
        there[columns_of(rows, reached)] = True
    return np.flatnonzero(there)


def _chunks(contents: Indices, k: int) -> Iterator[Indices]:
    step = max(1, _CELLS // max(k, 1))
    for start in range(0, len(contents), step):
        yield contents[start : start + step]
