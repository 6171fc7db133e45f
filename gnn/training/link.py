"""Person embeddings by a link objective: the interest graph in, one vector per person out; neither labels nor text needed.

A `HeteroEncoder` gives h for persons and contents, trained by `gnn.training.link_objective`. Embedding: the unit SVD position and
the unit h_p, side by side and of unit length. Small graphs are run whole; larger ones by the first hop once and sampled
neighbours, or by samples alone (`gnn.sampling.ways`), and everybody's h_p layer by layer at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from gnn.features.hetero import edge_types, feature_widths
from gnn.features.population import Population
from gnn.models.device import compiled, fitting, give_back, mixed_precision, seeded, send
from gnn.models.layers import HeteroEncoder
from gnn.models.optimiser import make_optimiser
from gnn.models.pyg import HeteroData
from gnn.sampling import (
    NeighbourSampler,
    Way,
    choose_way,
    encode_everything,
    product_bytes,
    propagate,
    training_memory,
)
from gnn.training.distributed import parallel, part, place
from gnn.training.link_objective import LinkObjective
from gnn.training.options import TrainingOptions
from graph.progress import Progress

__all__ = ["embed_persons", "link_states"]

Floats = npt.NDArray[np.float32]
_EDGES = 2048
_STEPS = {"full": 80, "first_hop": 300, "sampled": 300}
_FANOUTS = (6, 3)
_GIVE_BACK = 10
_ROWS = 65_536
_ENGAGED = ("person", "engaged", "content")


def embed_persons(
    data: Population,
    graph_data: HeteroData,
    options: TrainingOptions,
    device: torch.device,
    progress: Progress,
    say: Callable[[str], None] = lambda _: None,
) -> Floats:
    """(n, d) float32, unit rows; zero rows for persons without any link. d is at most position + model width. `say` is told
    what was done otherwise than for a small graph."""
    person = graph_data["person"]
    positions = person.position.cpu().numpy() if "position" in person else np.zeros((data.persons, 0), np.float32)
    engaged, p = _ENGAGED in graph_data.edge_types, positions.shape[1]
    if not engaged and not p:
        return np.zeros((data.persons, 0), np.float32)
    states = link_states(graph_data, options, device, progress, say) if engaged else np.zeros((data.persons, 0), np.float32)
    linked = np.asarray(data.engagement.getnnz(axis=1) + data.relations.getnnz(axis=1)) > 0
    vectors = np.empty((data.persons, p + states.shape[1]), np.float32)
    for start in range(0, data.persons, _ROWS):  # a part at a time: with a million persons every copy of all counts
        rows = slice(start, start + _ROWS)
        vectors[rows] = _unit(np.hstack([_unit(positions[rows]), _unit(states[rows])])) * linked[rows, None]
    return vectors


def link_states(
    graph_data: HeteroData,
    options: TrainingOptions,
    device: torch.device,
    progress: Progress,
    say: Callable[[str], None] = lambda _: None,
    way: Way | None = None,
) -> Floats:
    """h of all persons (n, width) float32. `way` overrules `choose_way`. In a group of processes
    (`gnn.training.distributed`) each does its part of every batch, and all return the same."""
    edges, relations = graph_data[_ENGAGED].edge_index, edge_types(graph_data)
    widths, layers = feature_widths(graph_data), max(1, options.layers)
    way = way or choose_way(
        int(graph_data.num_nodes),
        sum(len(graph_data[e].columns) for e in relations),
        training_memory(device),
        width=options.width,
        layers=layers,
        products=product_bytes(graph_data, widths),
    )
    with seeded(options.seed, device):
        encoder = HeteroEncoder(
            widths,
            relations,
            ["content", "person"],
            width=options.width,
            layers=layers,
            dropout=0.1,
            linear_start=way != "full",
        ).to(device)
        optimiser = make_optimiser(
            options.optimiser, encoder.parameters(), learning_rate=options.learning_rate, weight_decay=options.weight_decay
        )
        first = propagate(encoder, graph_data) if way == "first_hop" else None
        sampler = None
        if way != "full":
            fanouts = [_FANOUTS[min(hop, len(_FANOUTS) - 1)] for hop in range(layers - (first is not None))]
            sampler = NeighbourSampler(graph_data, fanouts)
            after = " after the first hop" if first is not None else ""
            say(f"person embeddings: the graph is too large for whole steps; neighbours{after} are sampled")
        objective = LinkObjective(encoder, graph_data, first)
        trained = parallel(compiled(objective, device, wanted=options.compiled), device)
        generator = torch.Generator().manual_seed(options.seed)
        drawing = torch.Generator(device).manual_seed(options.seed * 1000 + place().rank)
        encoder.train()

        def step(size: int) -> None:
            drawn = part(send(torch.randint(edges.shape[1], (size,), generator=generator), device))
            persons, contents = edges[0, drawn], edges[1, drawn]
            sample = sampler({"person": persons, "content": contents}, drawing) if sampler else None
            loss = trained(persons, contents, sample)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        size, steps = min(_EDGES, edges.shape[1]), _STEPS[way]
        for done in range(steps):
            progress("person embeddings", done, steps)
            if place().processes > 1:  # all must have parts of one size: too little memory in one of them ends the training
                step(size)
            else:
                _, size = fitting(size, step, say)
            if sampler and done % _GIVE_BACK == _GIVE_BACK - 1:
                give_back(device)
        progress("person embeddings", steps, steps)
        encoder.eval()
        give_back(device)
        with torch.inference_mode(), mixed_precision(device):
            if way == "full":
                states = encoder(graph_data)["person"]
            else:
                states = encode_everything(encoder, graph_data, ["person"], first=first)["person"]
            vectors: Floats = states.float().cpu().numpy()
    return vectors


def _unit(matrix: Floats) -> Floats:
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Floats = np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 1e-12)
    return unit
