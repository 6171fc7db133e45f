"""Where tensors live: the one place that chooses between CUDA and CPU, and precision with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from graph.errors import SettingsError

__all__ = ["choose_device", "few_threads", "mixed_precision", "seeded"]


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA when there is one; `cpu` and `cuda` are taken at their word. Raises SettingsError."""
    if name not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device {name!r} is unknown; use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device 'cuda' was asked for, but torch sees no CUDA device; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast on CUDA, full precision on CPU."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext()


@contextmanager
def few_threads(nodes: int, *, small: int = 50_000) -> Iterator[None]:
    """One CPU thread while the graph is small: steps of a millisecond gain nothing from more, lose much when another process
    wants the cores, and give the same sums on every machine. Larger graphs use what torch chose."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if nodes <= small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random state seeded inside the block and given back after it, so that nobody else's draws depend on ours."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
