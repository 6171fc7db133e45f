"""Training and use of a network over texts, whatever its layers: numbered texts and classes in, a fitted model out.

Batches hold texts of like length: rows are shuffled, dealt into groups of twenty batches, sorted by length within a group, and
the batches shuffled again, so that padding is small and the order random all the same. The learning rate rises over the first
twentieth of the steps and falls linearly to zero. A CUDA device that runs out of memory gets batches of half the size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.models.device import mixed_precision
from gnn.models.optimiser import OPTIMISERS, make_optimiser
from gnn.text.classify.corpus import Bools, Floats, Indices
from graph.errors import SettingsError
from graph.progress import Progress

__all__ = ["FEW_TEXTS", "Fitting", "Rows", "fit", "predict", "rate_of"]

Rows = Sequence[npt.NDArray[np.int64]]
FEW_TEXTS = 4000  # a training on no more is done by one thread: its steps are too short to share
_GROUP = 20
_SHORTEST = 8
_PREDICTED_PIECES = 16_384
_CLIP = 1.0


@dataclass(frozen=True)
class Fitting:
    """How a network is fitted; `padding` is the number that fills a batch's shorter rows."""

    optimiser: str
    learning_rate: float
    weight_decay: float
    epochs: int
    batch_texts: int
    exclusive: bool
    padding: int = 0


def rate_of(optimiser: str, chosen: float, usual: Mapping[str, float]) -> float:
    """The learning rate chosen, or the optimiser's usual one. Raises SettingsError for an unknown optimiser."""
    if optimiser.lower() not in usual:
        raise SettingsError(f"optimiser {optimiser!r} is unknown; use one of {', '.join(OPTIMISERS)}")
    return chosen or usual[optimiser.lower()]


def fit(
    model: nn.Module,
    groups: list[dict[str, Any]],
    rows: Rows,
    fit_rows: Indices,
    targets: Bools,
    settings: Fitting,
    device: torch.device,
    seed: int,
    progress: Progress,
) -> list[str]:
    """Fit in place on the texts `fit_rows` with (len(fit_rows), c) targets; `groups` are the model's parameters for the
    optimiser. Returns notes. A model whose device is out of memory goes on from where it is with smaller batches."""
    notes: list[str] = []
    wanted = torch.from_numpy(targets.astype(np.float32))
    optimiser = make_optimiser(
        settings.optimiser, groups, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = settings.epochs * -(-len(fit_rows) // settings.batch_texts)
    rise = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min((s + 1) / rise, max(steps - s, 0) / steps))
    generator = np.random.default_rng(seed)
    model.train()
    done, size = 0, settings.batch_texts
    for _ in range(settings.epochs):
        for batch in _batches(rows, fit_rows, settings.batch_texts, generator):
            while True:
                try:
                    _step(model, optimiser, rows, fit_rows, wanted, batch, size, settings, device)
                    break
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size = -(-size // 2)
                    torch.cuda.empty_cache()
                    notes = [f"the device ran out of memory: texts go through the network {size} at a time"]
            schedule.step()
            done += 1
            progress("training on texts", min(done, steps), steps)
    return notes


def _step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rows: Rows,
    fit_rows: Indices,
    wanted: Tensor,
    batch: Indices,
    size: int,
    settings: Fitting,
    device: torch.device,
) -> None:
    """One step on a batch, whose gradient is gathered `size` texts at a time."""
    optimiser.zero_grad(set_to_none=True)
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        ids = _padded(rows, fit_rows[part], settings.padding).to(device)
        truth = wanted[torch.from_numpy(part)].to(device)
        with mixed_precision(device):
            logits = model(ids)
        loss = (
            functional.cross_entropy(logits.float(), truth, reduction="sum")
            if settings.exclusive
            else functional.binary_cross_entropy_with_logits(logits.float(), truth, reduction="sum")
        )
        (loss / len(batch)).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    optimiser.step()


def predict(model: nn.Module, rows: Rows, asked: Indices, targets: Bools, settings: Fitting, device: torch.device) -> Floats:
    """(len(asked), c) probabilities; classes without an example in `targets` have none."""
    model.eval()
    absent = torch.from_numpy(~targets.any(axis=0)).to(device)
    out = np.zeros((len(asked), targets.shape[1]), np.float32)
    lengths = np.array([len(rows[i]) for i in asked], np.int64)
    order = np.argsort(lengths, kind="stable")
    start = 0
    with torch.inference_mode():
        while start < len(order):
            longest = max(int(lengths[order[min(start + 63, len(order) - 1)]]), 1)
            batch = order[start : start + max(1, _PREDICTED_PIECES // longest)]
            start += len(batch)
            with mixed_precision(device):
                logits = model(_padded(rows, asked[batch], settings.padding).to(device))
            logits = logits.float().masked_fill(absent, -torch.inf)
            found = logits.softmax(dim=1) if settings.exclusive else logits.sigmoid()
            out[batch] = found.cpu().numpy()
    return out


def _batches(rows: Rows, fit_rows: Indices, size: int, generator: np.random.Generator) -> Iterator[Indices]:
    """Positions in `fit_rows`, every one once."""
    shuffled = generator.permutation(len(fit_rows))
    lengths = [len(rows[i]) for i in fit_rows.tolist()]
    for start in range(0, len(shuffled), size * _GROUP):
        group = sorted(shuffled[start : start + size * _GROUP].tolist(), key=lambda i: (lengths[i], i))
        batches = [np.array(group[i : i + size], np.int64) for i in range(0, len(group), size)]
        for i in generator.permutation(len(batches)):
            yield batches[i]


def _padded(rows: Rows, which: Indices, padding: int) -> Tensor:
    width = max(_SHORTEST, max(len(rows[i]) for i in which))
    out = np.full((len(which), width), padding, np.int64)
    for place, i in enumerate(which):
        out[place, : len(rows[i])] = rows[i]
    return torch.from_numpy(out)
