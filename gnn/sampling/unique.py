"""Nodes of a batch without repetition: lists of node ids in, every node once and the place of each listed one out."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["unique_nodes"]


def unique_nodes(first: Tensor, others: Tensor, nodes: int, *, fixed: bool) -> tuple[Tensor, Tensor]:
    """`first` (n,) and `others` (e,), int64 ids below `nodes`; `first` has none twice. Returns the nodes, those of `first` at the
    front, and the place (e,) of each of `others` among them.

    With `fixed` the number of nodes returned depends on shapes alone, so that no step waits for the device: `nodes` itself is
    then an id that stands for none; it may occur in both inputs and fills up what is returned. By one sort, in memory that
    grows with the batch and not with the graph.
    """
    n = len(first)
    ids = torch.cat([first, others])
    if len(ids) == 0:
        return first, others
    order = torch.argsort(ids.int() if nodes < 2**31 else ids, stable=True)  # half as many bytes to sort
    ordered = ids[order]
    head = torch.ones_like(ordered, dtype=torch.bool)
    head[1:] = ordered[1:] != ordered[:-1]
    new = head & (order >= n) & (ordered < nodes)
    rank = torch.cumsum(new, 0) + (n - 1)
    # A run of equal ids has the place of its head: its place in `first`, or the next free one.
    heads = torch.where(head, torch.arange(len(ids), device=ids.device), 0).cummax(0).values
    place = torch.empty_like(ids)
    place[order] = torch.where(order < n, order, rank)[heads]
    if not fixed:
        return torch.cat([first, ordered[new]]), place[n:]
    room = n + min(len(others), nodes)
    filled = torch.full((room + 1,), nodes, dtype=ids.dtype, device=ids.device)
    filled[:n] = first
    filled.scatter_(0, torch.where(new, rank, room), torch.where(new, ordered, nodes))
    return filled[:room], place[n:]
