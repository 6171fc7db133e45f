"""Training in several processes: what `torchrun` started in, modules whose gradients are those of the joined batch out.

Each process has a part of every batch, of the same size; gradients are averaged (Li et al., "PyTorch Distributed", VLDB 2020).
Without torchrun there is one process, and everything here leaves things as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["Place", "gathered", "joined_processes", "parallel", "part", "place"]


@dataclass(frozen=True)
class Place:
    """Which process this is, 0 to `processes` - 1."""

    rank: int
    processes: int


def place() -> Place:
    """The first of one where no group has been joined."""
    if dist.is_available() and dist.is_initialized():
        return Place(dist.get_rank(), dist.get_world_size())
    return Place(0, 1)


@contextmanager
def joined_processes(device: torch.device) -> Iterator[torch.device]:
    """The group that torchrun's variables describe, NCCL on CUDA and Gloo on CPU, left at the end. Gives the device of this
    process. Outside of torchrun, and inside a group, nothing is joined. To be joined once in a process's life: torchrun's
    store keeps the first group's addresses, and a second one would wait for them."""
    if not dist.is_available() or dist.is_initialized() or not dist.is_torchelastic_launched():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", dist.get_node_local_rank())
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def parallel(module: nn.Module, device: torch.device) -> nn.Module:
    """The module as it is in one process; of several, one that begins with the first one's parameters and whose gradients are
    the mean over the processes. Every step must use the same parameters."""
    if place().processes == 1:
        return module
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=devices, static_graph=True)


def part(batch: Tensor) -> Tensor:
    """This process's rows of a batch that all have drawn alike; rows that cannot be dealt evenly are left out."""
    here = place()
    size = len(batch) // here.processes
    return batch[here.rank * size : (here.rank + 1) * size]


def gathered(rows: Tensor) -> Tensor:
    """Rows (b, …) of every process one after the other, (processes · b, …); gradients go back to where they came from."""
    if place().processes == 1:
        return rows
    return cast(Tensor, _Gather.apply(rows))


class _Gather(torch.autograd.Function):
    """All-gather; backwards the sum over processes, of which each keeps its own rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(place().processes)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return part(total)
