"""The learned recommender: a history in, two thin matrices out, by a graph convolution and a cosine contrastive loss. Torch.

Contents have vectors E (m, d), begun at the graph filter's; a person is what they engaged with, so that nobody has to be learned
anew. For an engagement t of person p with content c, r the distances of `history`, at most one hop away (LightGCN, SIGIR 2020):
    C = ½ (E + D_c^-½ Xᵀ D_p^-1 X D_c^-½ E)
    z = Σ_(i of p, no newer than t, i ≠ t) exp(−κ |r_i − r_t|) C_i
    L = −log( exp(cos(z, C_c)/τ) / (exp(cos(z, C_c)/τ) + Σ_(j of N drawn, unseen by p) exp(cos(z, C_j)/τ)) )
so that what is learned is what comes next. Served, z is the person's query times C, and scores are z · C_j / |C_j|: the length
of z changes no order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import nn

from gnn.models.device import choose_device, few_threads, mixed_precision, seeded
from gnn.recommend.graph_filter import filter_factors
from gnn.recommend.history import History, distances
from gnn.recommend.options import RecommendOptions
from graph.progress import Progress

__all__ = ["embedding_factors"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_BATCH = 512
_NEGATIVES = 256
_TEMPERATURE = 0.15
_LOCALITY = 3.0
_LEARNING_RATE = 2e-3
_CONVOLVED = 5_000_000
"""With more engagements than this the hop is left out of the steps and done once, at their end."""


def embedding_factors(history: History, options: RecommendOptions, progress: Progress) -> tuple[Floats, Floats]:
    """(m, d) and (d, m) float32: scores of queries (b, m) are queries @ first @ second."""
    device = choose_device(options.device)
    with few_threads(history.persons + history.contents), seeded(options.seed, device):
        begun = torch.from_numpy(filter_factors(history, options.dimensions, options.seed)[0])
        vectors = nn.Parameter(nn.functional.normalize(begun, dim=1).to(device))
        hop = _Hop(history, device)
        draw = _Draw(history, options.seed)
        optimiser = torch.optim.Adam([vectors], lr=_LEARNING_RATE)
        every = len(history.content) <= _CONVOLVED
        for step in range(options.steps):
            progress("learned recommender", step, options.steps)
            queries, positive, negative, unseen = draw()
            loss = _loss(
                hop(vectors) if every else vectors,
                _tensor(queries, device),
                torch.from_numpy(positive).to(device),
                torch.from_numpy(negative).to(device),
                torch.from_numpy(unseen).to(device),
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        progress("learned recommender", options.steps, options.steps)
        with torch.inference_mode():
            contents: Floats = hop(vectors).float().cpu().numpy()
    length = np.maximum(np.linalg.norm(contents, axis=1, keepdims=True), 1e-9)
    return contents, np.ascontiguousarray((contents / length).T, np.float32)


class _Draw:
    """Batches of engagements, each with what its person had engaged with until then."""

    def __init__(self, history: History, seed: int) -> None:
        self._history, self._distance, self._person = history, distances(history), history.person
        self._generator = np.random.default_rng([seed, 15])
        places = np.arange(len(history.content), dtype=np.int64)
        self._places = sp.csr_matrix((places, history.content, history.pointers), shape=(history.persons, history.contents))

    def __call__(self) -> tuple[sp.csr_matrix, Indices, Indices, npt.NDArray[np.bool_]]:
        """Queries (b, m), positive (b,), negative (N,), and whether each negative is unseen by each person (b, N)."""
        drawn = self._generator.integers(len(self._person), size=min(_BATCH, len(self._person)))
        negative = self._generator.integers(self._history.contents, size=min(_NEGATIVES, self._history.contents))
        rows = sp.csr_matrix(self._places[self._person[drawn]])
        each = np.repeat(drawn, np.diff(rows.indptr))
        gap = self._distance[rows.data] - self._distance[each]
        weights = np.where((gap < 0) | (rows.data == each), 0, np.exp(-_LOCALITY * np.abs(gap)))
        queries = sp.csr_matrix((weights.astype(np.float32), rows.indices, rows.indptr), shape=rows.shape)
        seen = sp.csr_matrix((np.ones(rows.nnz, np.float32), rows.indices, rows.indptr), shape=rows.shape)
        return queries, self._history.content[drawn], negative, seen[:, negative].toarray() == 0


class _Hop:
    """Content → person → content along the engagements, D_c^-½ Xᵀ D_p^-1 X D_c^-½, as two sparse products."""

    def __init__(self, history: History, device: torch.device) -> None:
        persons = np.maximum(np.diff(history.pointers), 1).astype(np.float64)
        contents = np.maximum(np.bincount(history.content, minlength=history.contents), 1).astype(np.float64)
        there = sp.csr_matrix(sp.diags(persons**-0.5) @ history.presence() @ sp.diags(contents**-0.5)).astype(np.float32)
        self._there, self._back = _tensor(there, device), _tensor(sp.csr_matrix(there.T), device)

    def __call__(self, contents: torch.Tensor) -> torch.Tensor:
        """C (m, d) of E (m, d)."""
        smoothed: torch.Tensor = torch.sparse.mm(self._back, torch.sparse.mm(self._there, contents))
        return (contents + smoothed) / 2


def _loss(
    contents: torch.Tensor, queries: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, unseen: torch.Tensor
) -> torch.Tensor:
    """Scalar of contents (m, d), queries (b, m) sparse, positive (b,), negative (N,) and unseen (b, N)."""
    persons = nn.functional.normalize(torch.sparse.mm(queries, contents), dim=1, eps=1e-6)
    with mixed_precision(contents.device):
        liked = (persons * nn.functional.normalize(contents[positive], dim=1)).sum(dim=1, keepdim=True)
        others = persons @ nn.functional.normalize(contents[negative], dim=1).T
    scores = torch.cat([liked.float(), others.float().masked_fill(~unseen, -1e4)], dim=1) / _TEMPERATURE
    return nn.functional.cross_entropy(scores, torch.zeros(len(positive), dtype=torch.long, device=scores.device))


def _tensor(matrix: sp.csr_matrix, device: torch.device) -> torch.Tensor:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places = torch.from_numpy(np.stack([rows, matrix.indices.astype(np.int64)]))
    return (
        torch.sparse_coo_tensor(places, torch.from_numpy(matrix.data), matrix.shape, check_invariants=False).to(device).coalesce()
    )
