"""Vectorised random draws and Arrow columns that the stages of the generator share.

Every stage draws from a generator of its own, so that a change in one leaves the others' draws as they were.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = [
    "Bools",
    "Floats",
    "Ints",
    "column",
    "data",
    "generator",
    "hex_ids",
    "instants",
    "numbers",
    "pick_in_groups",
    "weighted",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype="S1")


def generator(seed: int, stage: str) -> np.random.Generator:
    """The random generator of one stage."""
    return np.random.default_rng([seed, zlib.crc32(stage.encode())])


def data(name: str) -> dict[str, Any]:
    """A word list that ships beside this module."""
    found: dict[str, Any] = json.loads((files("graph.synth") / "data" / name).read_text(encoding="utf-8"))
    return found


def weighted(rng: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """`size` indices drawn with probability proportional to `weights`."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right").astype(np.int64)
    return np.asarray(np.minimum(found, len(cumulative) - 1), dtype=np.int64)


def pick_in_groups(rng: np.random.Generator, first: Ints, last: Ints, weights: Floats, groups: Ints) -> Ints:
    """For each of `groups` one row out of first[g]..last[g]-1, with probability proportional to `weights`.

    Rows of a group lie together. An empty group gives -1.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    low, high = cumulative[first[groups]], cumulative[last[groups]]
    found = np.searchsorted(cumulative, low + rng.random(len(groups)) * (high - low), side="right") - 1
    found = np.clip(found, first[groups], np.maximum(last[groups] - 1, first[groups]))
    return np.where(last[groups] > first[groups], found, -1).astype(np.int64)


def hex_ids(rng: np.random.Generator, prefix: str, count: int, digits: int = 16) -> pa.Array:
    """`count` distinct random hexadecimal ids that say nothing about what they name."""
    drawn = _DIGITS[rng.integers(0, 16, (count, digits), dtype=np.uint8)]
    text = drawn.view(f"S{digits}").ravel().astype(f"U{digits}") if count else np.empty(0, f"U{digits}")
    return pa.array(np.char.add(prefix, text).astype(object), pa.string())


def column(pool: Sequence[str | None] | pa.Array, index: Ints) -> pa.Array:
    """Text column that takes `pool[index]`, and null where the index is -1."""
    values = pool if isinstance(pool, pa.Array) else pa.array(pool, pa.string())
    return values.take(pa.array(index, mask=index < 0))


def numbers(values: Floats, known: Bools) -> pa.Array:
    """Number column, null where not known."""
    return pa.array(values, pa.float64(), mask=~known)


def instants(seconds: Floats, known: Bools | None = None) -> pa.Array:
    """UTC timestamps from seconds since 1970, cut to milliseconds; null where not known."""
    micros = (np.round(seconds * 1000) * 1000).astype(np.int64)
    return pa.array(micros, pa.int64(), mask=None if known is None else ~known).cast(pa.timestamp("us", tz="UTC"))
