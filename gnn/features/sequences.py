"""Persons' latest events in the order of time: a `Recent` and vectors of contents in, padded rows of any persons out.

Row e of a person's sequence, from the earliest of the events to the latest:
    [content's vector (x), one-hot type (T), log1p(seconds since the event before) / 10, 1 where that is known, 1 for an event]
What stands behind the last event is zero. Undated events have no gap, and neither has the first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.features.population import Recent

__all__ = ["Sequences"]

Floats = npt.NDArray[np.float32]
_TYPES = 8
_MICROSECONDS = 1e6


class Sequences:
    """Held as flat arrays; `rows` gathers. `width` is x + T + 3, `length` the most events of anybody."""

    def __init__(self, recent: Recent, vectors: Floats, persons: int, device: torch.device) -> None:
        """`vectors` (m, x) of the contents. Only the commonest types are told apart."""
        count = np.bincount(recent.person, minlength=persons)
        self.length = int(count.max(initial=0))
        self._start = torch.from_numpy(np.r_[0, np.cumsum(count)[:-1]].astype(np.int64)).to(device)
        self._count = torch.from_numpy(count.astype(np.int64)).to(device)
        self._content = torch.from_numpy(recent.content).to(device)
        common = np.argsort(-np.bincount(recent.type, minlength=1), kind="stable")[: _TYPES - 1]
        place = np.full(int(recent.type.max(initial=0)) + 1, len(common), np.int64)
        place[common] = np.arange(len(common))
        self._type = torch.from_numpy(place[recent.type]).to(device)
        self._types = len(common) + 1
        gap, known = _gaps(recent)
        self._gap = torch.from_numpy(np.stack([gap, known, np.ones_like(gap)], axis=1)).to(device)
        self._vectors = torch.from_numpy(vectors).to(device)
        self.width = vectors.shape[1] + self._types + 3

    def rows(self, persons: Tensor) -> Tensor:
        """(b, L, width) of these persons, L the most events of any of them, at least 1."""
        count = self._count[persons]
        longest = max(int(count.max()) if len(count) else 0, 1)
        step = torch.arange(longest, device=count.device)
        there = step < count[:, None]
        if not there.any():
            return torch.zeros(len(persons), longest, self.width, device=count.device)
        at = torch.where(there, self._start[persons, None] + step, 0)
        one_hot = torch.nn.functional.one_hot(self._type[at], self._types).float()
        parts = torch.cat([self._vectors[self._content[at]], one_hot, self._gap[at]], dim=-1)
        return parts * there[..., None]


def _gaps(recent: Recent) -> tuple[Floats, Floats]:
    """Scaled log gap to the person's event before, and 1 where both have a time."""
    seconds = np.where(recent.at >= 0, recent.at / _MICROSECONDS, np.nan)
    before = np.r_[np.nan, seconds[:-1]]
    first = np.r_[True, recent.person[1:] != recent.person[:-1]][: len(seconds)]
    gap = seconds - before[: len(seconds)]
    known = np.isfinite(gap) & ~first
    return (np.log1p(np.where(known, np.maximum(gap, 0), 0)) / 10).astype(np.float32), known.astype(np.float32)
