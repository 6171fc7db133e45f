"""One network: inputs, labels and who teaches and who judges in; its weights at the epoch that judged best out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.models.device import fitting, mixed_precision
from gnn.models.optimiser import make_optimiser
from gnn.models.pyg import HeteroData
from gnn.models.tagger import Tagger
from gnn.training.inputs import Inputs, logits_of
from gnn.training.options import TrainingOptions

__all__ = ["train_network"]

Indices = npt.NDArray[np.int64]
_STEPS_PER_EPOCH = 48


def train_network(
    model: Tagger,
    graph_data: HeteroData,
    inputs: Inputs,
    labels: Tensor,
    teachers: Indices,
    judges: Indices,
    options: TrainingOptions,
    device: torch.device,
    generator: np.random.Generator,
    say: Callable[[str], None] = lambda note: None,
) -> int:
    """Train with early stopping on the judges' loss; the best epoch's weights stay. Returns that epoch, from 1.

    Where the device's memory is too small for a step, the gradient is summed over smaller parts of the batch, and `say` is told:
    the steps are the same. Raises torch.OutOfMemoryError when the smallest part is too much as well."""
    # Per-tag weights see few examples each: they decay harder than what all tags share; so does all that towers learn.
    alone = not model.shape.towers
    decay = options.weight_decay if alone else 10 * options.weight_decay
    few = [p for n, p in model.named_parameters() if n == "per_tag"]
    rest = [p for n, p in model.named_parameters() if n != "per_tag"]
    groups = [{"params": rest}, {"params": few, "weight_decay": 40 * options.weight_decay}]
    optimiser = make_optimiser(options.optimiser, groups, learning_rate=options.learning_rate, weight_decay=decay)
    size = max(options.batch_persons // 2 if alone else options.batch_persons, -(-len(teachers) // _STEPS_PER_EPOCH))
    best: tuple[float, int, dict[str, Tensor]] | None = None

    def gradient(batch: Indices, most: int) -> None:
        optimiser.zero_grad(set_to_none=True)
        for start in range(0, len(batch), most):
            part = batch[start : start + most]
            with mixed_precision(device):
                logits = model(inputs.rows(part, model.encode(graph_data)))
                loss = model.loss(logits, labels[torch.from_numpy(part).to(device)]) * (len(part) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]

    held = size
    for epoch in range(1, options.epochs + 1):
        model.train()
        order = generator.permutation(teachers)
        for start in range(0, len(order), size):
            _, held = fitting(held, partial(gradient, order[start : start + size]), say)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        logits = torch.from_numpy(logits_of(model, graph_data, inputs, judges, say)).to(device)
        judged = float(model.loss(logits, labels[torch.from_numpy(judges).to(device)]))
        if best is None or judged < best[0]:
            best = (judged, epoch, {n: t.detach().clone() for n, t in model.state_dict().items()})
        elif epoch - best[1] >= options.patience:
            break
    assert best is not None  # noqa: S101  (at least one epoch ran)
    model.load_state_dict(best[2])
    return best[1]
