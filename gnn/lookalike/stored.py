"""Positions beside a model version: who engaged with what in, files of the version out; and a version's positions again.

The files say of persons, in the version's order, with which contents they engaged, without weights or times: personal data that
goes when the version goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from gnn.lookalike.parts import Positions
from gnn.registry import Version

__all__ = ["positions_files", "positions_of"]

_POINTERS, _CONTENTS = "engaged-pointers.npy", "engaged-contents.npy"


def positions_files(engagement: sp.csr_matrix) -> Mapping[str, Callable[[Path], None]]:
    """`extras` of `gnn.registry.save`: the pattern of `engagement` (n, m); none where nobody engaged with anything."""
    if not engagement.nnz:
        return {}
    return {
        _POINTERS: lambda path: np.save(path, engagement.indptr.astype(np.int64)),
        _CONTENTS: lambda path: np.save(path, engagement.indices.astype(np.int32)),
    }


def positions_of(version: Version) -> tuple[pa.Array, Positions]:
    """Person ids and positions as they are by now, memory-mapped where nobody has been refreshed. Engagements are those of the
    training, none for who came later; versions from before engagements were kept have vectors alone. Raises ModelError for a
    damaged file."""
    ids, vectors = version.vectors()
    if _POINTERS not in version.extras:
        return ids, Positions(vectors)
    paths = [version.extra(name) for name in (_POINTERS, _CONTENTS)]  # noqa: S610  (no Django here)
    pointers, contents = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
    shape = (len(version.person_ids), int(contents.max()) + 1)
    values = np.broadcast_to(np.float32(1), len(contents))
    engaged = sp.csr_matrix((values, contents, pointers), shape=shape, copy=False)
    if version.refreshed:
        rows = pc.fill_null(pc.index_in(ids, value_set=version.person_ids), shape[0]).to_numpy()
        engaged = sp.csr_matrix(sp.vstack([engaged, sp.csr_matrix((1, shape[1]), dtype=np.float32)], format="csr")[rows])
    return ids, Positions(vectors, engaged)
