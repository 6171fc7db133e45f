"""The best few of many scores, and how good they were: matrices of scores in, places and metrics out.

Recall@k = hits / min(hidden, k); NDCG@k = Σ_(hits) 1/log2(rank + 1) over that of the best possible list; means over persons with
something hidden.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

__all__ = ["Quality", "best_first", "mask_seen", "quality"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_SMALL = 512


def mask_seen(scores: Floats, seen: sp.csr_matrix) -> None:
    """Set the scores (b, m) of what is seen (b, m) to −∞, in place."""
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    scores[rows, seen.indices] = -np.inf


def best_first(scores: Floats, k: int) -> Indices:
    """(b, min(k, m)) columns of the highest scores in each row, highest first, equal ones in a fixed order.

    Exact, without sorting whole rows: the k best lie in the k blocks of columns with the highest maxima.
    """
    b, m = scores.shape
    k = min(k, m)
    if m <= max(_SMALL, 8 * k):
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    blocks = int(np.ceil(np.sqrt(float(k) * m)))
    size = m // blocks
    maxima = scores[:, : size * blocks].reshape(b, size, blocks).max(axis=1)  # block j holds the columns j, j + blocks, …
    chosen = np.argsort(-maxima, axis=1, kind="stable")[:, :k]
    columns = (chosen[:, None, :] + (np.arange(size) * blocks)[None, :, None]).reshape(b, -1)
    rest = np.broadcast_to(np.arange(size * blocks, m), (b, m - size * blocks))  # too few for a row of blocks
    columns = np.sort(np.hstack([columns, rest]), axis=1)
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(columns, order, axis=1)


class Quality:
    """Sums of recall and NDCG at k over batches of persons."""

    def __init__(self, k: int = 20) -> None:
        self._k = k
        self._gains = 1 / np.log2(np.arange(2, k + 2))
        self._recall, self._ndcg, self._persons = 0.0, 0.0, 0

    def add(self, scores: Floats, seen: sp.csr_matrix, hidden: sp.csr_matrix) -> None:
        """A batch: scores (b, m), which are changed, and what is seen and hidden (b, m)."""
        mask_seen(scores, seen)
        best = best_first(scores, self._k)
        wanted = np.zeros(scores.shape, np.bool_)
        wanted[np.repeat(np.arange(len(scores)), np.diff(hidden.indptr)), hidden.indices] = True
        hit = np.take_along_axis(wanted, best, axis=1) & np.isfinite(np.take_along_axis(scores, best, axis=1))
        most = np.minimum(wanted.sum(axis=1), self._k)
        judged = most > 0
        ideal = np.concatenate([[0.0], np.cumsum(self._gains)])
        self._recall += float((hit.sum(axis=1)[judged] / most[judged]).sum())
        self._ndcg += float(((hit * self._gains[: best.shape[1]]).sum(axis=1)[judged] / ideal[most[judged]]).sum())
        self._persons += int(judged.sum())

    def means(self) -> dict[str, float]:
        """recall, ndcg and persons."""
        n = max(self._persons, 1)
        return {"recall": self._recall / n, "ndcg": self._ndcg / n, "persons": float(self._persons)}


def quality(scores: Floats, seen: sp.csr_matrix, hidden: sp.csr_matrix, k: int = 20) -> dict[str, float]:
    """Recall and NDCG at k of one batch; `scores` are changed."""
    sums = Quality(k)
    sums.add(scores, seen, hidden)
    return sums.means()
