"""What is popular now: a history in, a score per content out, for persons of whom nothing is known.

score_c = Σ_(engagements of c) 2^(−age / half-life). The half-life is the one under which the newest tenth of all engagements,
those of newcomers if there are enough, was foreseen best by the rest; none (all of time counts alike) where that does as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.recommend.history import History

__all__ = ["chosen_half_life", "popularity"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_PARTS = (2, 8, 32, 128)  # of the time from the first engagement to the last
_JUDGED = 20
_ENOUGH = 200
_STANDARD_ERRORS = 3


def popularity(history: History, half_life: float | None) -> Floats:
    """(m,) decayed counts, as of the newest engagement; `half_life` in microseconds, None for plain counts."""
    return _counts(history.content, history.at, history.contents, half_life)


def chosen_half_life(history: History) -> float | None:
    """In microseconds. Later engagements with the twenty most popular contents decide: McNemar's test, three standard errors, on
    the contents that only one of two lists has."""
    if len(history.at) < _ENOUGH:
        return None
    cut = np.quantile(history.at, 0.9)
    early, late = history.at <= cut, history.at > cut
    span = float(cut - history.at.min())
    if not late.any() or span <= 0:
        return None
    newcomer = np.ones(history.persons, np.bool_)
    newcomer[history.person[early]] = False
    theirs = late & newcomer[history.person]
    later = np.bincount(history.content[theirs if theirs.sum() >= _ENOUGH else late], minlength=history.contents)

    def listed(half_life: float | None) -> Indices:
        counts = _counts(history.content[early], history.at[early], history.contents, half_life)
        return np.argsort(-counts, kind="stable")[:_JUDGED]

    plain = listed(None)
    lists = {span / part: listed(span / part) for part in _PARTS}
    best = max(lists, key=lambda h: int(later[lists[h]].sum()))
    won = int(later[np.setdiff1d(lists[best], plain)].sum())
    lost = int(later[np.setdiff1d(plain, lists[best])].sum())
    return best if won - lost > _STANDARD_ERRORS * np.sqrt(won + lost) else None


def _counts(content: Indices, at: Indices, contents: int, half_life: float | None) -> Floats:
    if half_life is None or not len(at):
        return np.bincount(content, minlength=contents).astype(np.float32)
    age = (at.max() - at) / half_life
    return np.bincount(content, weights=np.exp2(-age), minlength=contents).astype(np.float32)
