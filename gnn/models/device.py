"""Where tensors live: the one place that chooses between CUDA and CPU, and precision with it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from graph.errors import SettingsError

__all__ = ["choose_device", "mixed_precision", "seeded"]


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


def seeded(seed: int, device: torch.device) -> AbstractContextManager[object]:
    """Torch's random state seeded inside the block and given back after it, so that nobody else's draws depend on ours."""
    fork = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])

    class _Seeded(AbstractContextManager[object]):
        def __enter__(self) -> object:
            entered = fork.__enter__()
            torch.manual_seed(seed)
            return entered

        def __exit__(self, *details: object) -> None:
            fork.__exit__(None, None, None)

    return _Seeded()
