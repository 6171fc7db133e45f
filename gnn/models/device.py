"""Where tensors live: the one place that chooses between CUDA and CPU, and with it precision, transfers and batch sizes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from graph.errors import SettingsError

__all__ = ["choose_device", "compiled", "few_threads", "fitting", "give_back", "mixed_precision", "seeded", "send"]

_Result = TypeVar("_Result")


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


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device. To CUDA it goes through pinned memory while the CPU goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def compiled(module: nn.Module, device: torch.device, *, wanted: bool) -> nn.Module:
    """By `torch.compile` on CUDA where wanted. On a CPU compiling takes longer than the trainings here, and is left."""
    return cast(nn.Module, torch.compile(module)) if wanted and device.type == "cuda" else module


def fitting(size: int, step: Callable[[int], _Result], say: Callable[[str], None], *, least: int = 16) -> tuple[_Result, int]:
    """`step(size)` with a size that the device's memory holds: halved, and said so, for as long as it does not. Returns the
    result and that size. Raises torch.OutOfMemoryError when `least` is too much as well."""
    while True:
        try:
            return step(size), size
        except torch.OutOfMemoryError:
            if size // 2 < least:
                raise
        # Only here, after the handler, does nothing hold on to the tensors of the step that failed.
        size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        say(f"the device's memory is too small: batches of {size} from here on")


def give_back(device: torch.device) -> None:
    """Memory that has been freed goes back to the system. Batches of ever other sizes leave glibc's heap in pieces that fit
    nothing and are kept: some 20 MB a step of sampled training. On CUDA, and without glibc, nothing is done."""
    if device.type == "cpu" and sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
