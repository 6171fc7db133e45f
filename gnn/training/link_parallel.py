"""Training of person embeddings in several processes, one a device or several on a CPU: a stored graph in, states out.

    torchrun --nproc-per-node 4 -m gnn.training.link_parallel GRAPH.pt STATES.npy [--device cuda] [--seed 0]

GRAPH.pt is what `store_graph` wrote. STATES.npy are h_p of all persons, (n, width) float32 (`gnn.training.link`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gnn.models.device import choose_device
from gnn.models.pyg import HeteroData
from gnn.training.distributed import joined_processes, place
from gnn.training.link import link_states
from gnn.training.options import TrainingOptions
from graph.progress import ignore_progress

__all__ = ["main", "read_graph", "store_graph"]


def store_graph(graph_data: HeteroData, path: Path) -> None:
    """Tensors and numbers alone, nothing that would run when it is read."""
    stores = [*graph_data.node_items(), *graph_data.edge_items()]
    torch.save({kind: dict(store.items()) for kind, store in stores}, path)


def read_graph(path: Path, device: torch.device) -> HeteroData:
    """What `store_graph` wrote, on the device. Raises pickle.UnpicklingError for files that hold anything else."""
    found = HeteroData()
    for kind, values in torch.load(path, map_location=device, weights_only=True).items():
        for name, value in values.items():
            found[kind][name] = value
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Every process trains; the first one writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path)
    parser.add_argument("states", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with joined_processes(choose_device(given.device)) as device:
        states = link_states(read_graph(given.graph, device), TrainingOptions(seed=given.seed), device, ignore_progress)
        if place().rank == 0:
            np.save(given.states, states)


if __name__ == "__main__":
    main()
