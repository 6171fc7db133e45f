"""Which of three ways an encoder is run: the size of a graph and the memory there is in, a name out.

`full`: the whole graph in every step. `first_hop`: the first hop once (`gnn.sampling.first_hop`), neighbours sampled for the
layers after it. `sampled`: neighbours sampled for all layers. With the same parameters they give the same states within
rounding where fan-outs reach the largest degree; smaller ones estimate them.
"""

from __future__ import annotations

from typing import Literal

import psutil
import torch

__all__ = ["Way", "choose_way", "training_memory"]

Way = Literal["full", "first_hop", "sampled"]
_CPU_BYTES = 2 * 2**30
"""On a CPU what a full step holds is read and written a few times at some GB/s: a quarter of this takes about a second."""


def choose_way(nodes: int, edges: int, memory: int, *, width: int, layers: int, products: int) -> Way:
    """`edges` of all relations together; `memory` in bytes for all that a training holds; `products` in bytes are those of the
    first hop (`gnn.sampling.first_hop`). A full step holds about six states of float32 a node and layer for its gradient; it may
    take a quarter of the memory, so that it stays a matter of seconds."""
    held = 4 * width * nodes * (2 + 6 * layers) + 4 * edges
    if held <= memory // 4:
        return "full"
    return "first_hop" if products <= memory else "sampled"


def training_memory(device: torch.device) -> int:
    """Bytes that a training may hold: half of what is free on the device, on a CPU no more than 2 GiB."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return min(_CPU_BYTES, psutil.virtual_memory().available // 2)
