"""The positions of a model version: its vectors, those refreshed since, and who engaged with what, as lookalikes read them."""

from __future__ import annotations

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
    """Person ids and positions as they are by now, memory-mapped where nobody has been refreshed. Engagements are those of the
    training, none for who came later; versions from before engagements were kept have vectors alone. Raises ModelError for a
    damaged file."""
    ids, vectors = version.vectors()
    if not any(name.startswith(f"{ENGAGEMENT}-") for name in version.extras):
        return ids, Positions(vectors)
    engaged = csr_of(version.extra, ENGAGEMENT)
    if not engaged.nnz:
        return ids, Positions(vectors)
    if version.refreshed:
        rows = pc.fill_null(pc.index_in(ids, value_set=version.person_ids), engaged.shape[0]).to_numpy()
        nobody = sp.csr_matrix((1, engaged.shape[1]), dtype=np.float32)
        engaged = sp.csr_matrix(sp.vstack([engaged, nobody], format="csr")[rows])
    return ids, Positions(vectors, Engagements(engaged))
