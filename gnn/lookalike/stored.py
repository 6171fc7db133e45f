"""The positions of a model version: its vectors, those refreshed since, and who engaged with what, as lookalikes read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from gnn.lookalike.positions import Positions
from gnn.lookalike.walk import Engagements
from gnn.registry import Version
from gnn.registry.sparse import ENGAGEMENT, csr_of

__all__ = ["positions_of"]


def positions_of(version: Version) -> tuple[pa.Array, Positions]:
    """Person ids and positions as they are by now, vectors memory-mapped: those of the training, then those refreshed since.

    An id stands there twice where its vector was refreshed; the older row, and whoever is withheld, is not allowed. Engagements
    are those of the training, none for who came later; versions from before engagements were kept have vectors alone. Raises
    ModelError for a damaged file."""
    ids, now, d = version.person_ids, version.refreshed, version.embeddings.shape[1]
    allowed = later = None
    if now:
        allowed = np.ones(len(ids) + len(now.person_ids), np.bool_)
        allowed[version.replaced()] = False
        later = now.embeddings.reshape(len(now.person_ids), d)
        ids = pa.concat_arrays([ids, now.person_ids])
    positions = Positions(version.embeddings, None, allowed, later)
    if not any(name.startswith(f"{ENGAGEMENT}-") for name in version.extras):
        return ids, positions
    engaged = csr_of(version.extra, ENGAGEMENT)
    if not engaged.nnz:
        return ids, positions
    if now:
        rows = pc.fill_null(pc.index_in(now.person_ids, value_set=version.person_ids), engaged.shape[0]).to_numpy()
        nobody = sp.csr_matrix((1, engaged.shape[1]), dtype=np.float32)
        again = sp.vstack([engaged, nobody], format="csr")[rows]
        engaged = sp.csr_matrix(sp.vstack([engaged, again], format="csr"))
    return ids, replace(positions, engaged=Engagements(engaged))
