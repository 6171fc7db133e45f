"""Tag any number of persons by an ensemble, in bounded memory: inputs of persons in, calibrated probabilities out.

Channels are computed for a block of persons at a time, those of one view after the other; every member reads a block before it is
let go, so that what the surroundings say is worked out once and not once for each member.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.models.device import few_threads, fitting
from gnn.models.members import Rows
from gnn.models.pyg import HeteroData
from gnn.training.ensemble import Ensemble
from gnn.training.inputs import Inputs
from graph.side_by_side import each, parts

__all__ = ["tag"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_BATCH = 1024


def tag(
    ensemble: Ensemble, inputs: Inputs, graph_data: HeteroData, persons: Indices, say: Callable[[str], None] = lambda note: None
) -> Floats:
    """(b, k) probabilities of `persons`, by the mean of all members. Where the device's memory is too small, with smaller batches
    from then on, and `say` is told."""
    out = np.empty((len(persons), ensemble.shape.tags), np.float32)
    hidden = ensemble.encode(graph_data)
    size = _BATCH
    for block in inputs.blocks(persons):
        rows = inputs.rows(persons[block], hidden[0])
        own = [h[torch.from_numpy(persons[block]).to(h.device)] for h in hidden]

        def read(part: slice, block: Indices = block, rows: Rows = rows, own: list[Tensor] = own) -> None:
            out[block[part]] = ensemble.probabilities(rows.part(part), [h[part] for h in own])

        def step(size: int, block: Indices = block, rows: Rows = rows, read: Callable[[slice], None] = read) -> None:
            batches = parts(len(block), size)
            if rows.channels.device.type == "cpu" and len(batches) > 1:
                with few_threads(0):  # a batch on each core instead of each batch on all
                    each(read, batches)
            else:
                for part in batches:
                    read(part)

        _, size = fitting(size, step, say)
    return out
