"""One step of the link objective on a small graph; by torchrun each process has a part of the batch.

torchrun --nproc-per-node 2 tests/unit/link_processes.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from gnn.features.hetero import edge_types, feature_widths
from gnn.models.layers import HeteroEncoder
from gnn.models.pyg import HeteroData
from gnn.sampling import NeighbourSampler
from gnn.training import link
from gnn.training.distributed import joined_processes, parallel, part, place
from gnn.training.link_objective import LinkObjective
from gnn.training.link_parallel import main, read_graph

BATCH = 24


def gradients(graph_data: HeteroData, *, sampled: bool) -> dict[str, torch.Tensor]:
    """Of every parameter, for the same batch whatever the number of processes; all neighbours are in the samples."""
    torch.manual_seed(place().rank)  # parameters are the first process's
    encoder = HeteroEncoder(
        feature_widths(graph_data), edge_types(graph_data), ["content", "person"], width=16, layers=2, dropout=0.0
    )
    objective = LinkObjective(encoder, graph_data)
    trained = parallel(objective, torch.device("cpu"))
    edges = graph_data["person", "engaged", "content"].edge_index
    drawn = part(torch.randint(edges.shape[1], (BATCH,), generator=torch.Generator().manual_seed(5)))
    persons, contents = edges[0, drawn], edges[1, drawn]
    sampler = NeighbourSampler(graph_data, [200, 200])
    seeds = {"person": persons, "content": contents}
    trained(persons, contents, sampler(seeds, torch.Generator().manual_seed(0)) if sampled else None).backward()
    return {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}


def run(folder: Path) -> None:
    """Gradients of both ways, of each process."""
    graph_data = read_graph(folder / "graph.pt", torch.device("cpu"))
    found = {name: gradients(graph_data, sampled=name == "sampled") for name in ("full", "sampled")}
    torch.save(found, folder / f"gradients{place().rank}of{place().processes}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    link._EDGES = 128
    with joined_processes(torch.device("cpu")):
        run(Path(sys.argv[1]))
        main([str(Path(sys.argv[1]) / "graph.pt"), str(Path(sys.argv[1]) / "states.npy"), "--device", "cpu"])
