"""What is known of a content besides who engaged with it: categories and text in, a short vector per content out.

Categories: 1/√(number of the content's) each, reduced to 64 dimensions where there are more. Text: vectors of an encoder where
there are some, else tf-idf of words (pairs of characters where a script has no spaces) reduced to 64 dimensions by truncated SVD,
which needs no optional package and no language. Unreadable titles count as no text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import normalised, positions
from gnn.features.population import Population
from gnn.text.readable import is_readable, wide_script_share

__all__ = ["content_features"]

Floats = npt.NDArray[np.float32]
_DIMENSIONS = 64
_BUCKETS = 1 << 16
_CHARACTERS = 2000
_WORD = re.compile(r"[^\W_]{2,}")
_RUN = re.compile(r"[^\W_]+")


def content_features(data: Population, text: Floats | None = None, *, seed: int = 0) -> Floats:
    """(m, d) float32, zero rows for contents of which nothing is known. `text` (m, e): an encoder's vectors, if any."""
    parts = []
    if data.categories:
        own = normalised(data.content_category, "l2")
        parts.append(own.toarray() if own.shape[1] <= _DIMENSIONS else _reduced(own, seed))
    vectors = _word_vectors(data.texts, seed) if text is None else _reduced_dense(text, seed)
    if vectors.any():
        parts.append(vectors)
    return np.hstack(parts).astype(np.float32) if parts else np.zeros((data.contents, 0), np.float32)


def _word_vectors(texts: list[str], seed: int) -> Floats:
    readable = [t[:_CHARACTERS].lower() if is_readable(t) else "" for t in texts]
    spaceless = wide_script_share([t for t in readable if t]) > 0.5
    pointers, columns = [0], []
    for text in readable:
        columns += [zlib.crc32(term.encode()) % _BUCKETS for term in (_pairs(text) if spaceless else _WORD.findall(text))]
        pointers.append(len(columns))
    if not columns:
        return np.zeros((len(texts), 0), np.float32)
    counts = sp.csr_matrix(
        (np.ones(len(columns), np.float32), np.array(columns, np.int64), np.array(pointers, np.int64)),
        shape=(len(texts), _BUCKETS),
    )
    counts.sum_duplicates()
    among = counts.getnnz(axis=0)
    shared = np.flatnonzero(among >= 2)  # a word of one content says nothing of another
    counts = sp.csr_matrix(counts[:, shared])
    counts.data = 1 + np.log(counts.data)
    weights = np.log(len(texts) / among[shared])
    return _reduced(normalised(sp.csr_matrix(counts @ sp.diags(weights.astype(np.float32))), "l2"), seed)


def _pairs(text: str) -> Iterable[str]:
    return (run[i : i + 2] for run in _RUN.findall(text) for i in range(max(len(run) - 1, 1)))


def _reduced(matrix: sp.csr_matrix, seed: int) -> Floats:
    """(m, at most 64), rows of unit length; a row without entries stays zero."""
    return _unit(positions(matrix.astype(np.float32), _DIMENSIONS, seed=seed)[0])


def _reduced_dense(text: Floats, seed: int) -> Floats:
    if text.shape[1] <= _DIMENSIONS or not text.any():
        return _unit(text)
    return _unit(positions(sp.csr_matrix(text), _DIMENSIONS, seed=seed)[0])


def _unit(matrix: Floats) -> Floats:
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Floats = np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 1e-6).astype(np.float32)
    return unit
