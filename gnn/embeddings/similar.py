"""Persons most like one person: unit vectors in, the nearest by cosine out, by an exact scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.errors import InputError

__all__ = ["similar_persons"]

_CHUNK = 131_072


def similar_persons(vectors: npt.NDArray[np.float32], person_ids: pa.Array, person_id: str, size: int) -> pa.Table:
    """person_id, score (cosine), rank from 1; the person is left out. Raises InputError for an unknown person."""
    place = person_ids.index(pa.scalar(person_id, person_ids.type)).as_py()
    if place < 0:
        raise InputError("that person is not in the model; they may be new, shared, a bot, or have objected")
    target = np.asarray(vectors[place], np.float32)
    score = np.concatenate([vectors[i : i + _CHUNK] @ target for i in range(0, len(vectors), _CHUNK)])
    score[place] = -np.inf
    best = np.argsort(-score, kind="stable")[: min(size, len(score) - 1)]
    return pa.table(
        {
            "person_id": person_ids.take(pa.array(best)),
            "score": score[best].astype(np.float64),
            "rank": np.arange(1, len(best) + 1),
        }
    )
