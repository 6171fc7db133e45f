"""Optimisers by name: parameters in, a torch optimiser out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from graph.errors import SettingsError

__all__ = ["OPTIMISERS", "make_optimiser"]

OPTIMISERS = ("adam", "adamw", "adagrad", "sgd")


def make_optimiser(name: str, parameters: Iterable[Any], *, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Adam, AdamW, Adagrad or SGD (Nesterov, momentum .9), in any case. Raises SettingsError for another name."""
    chosen = name.lower()
    if chosen == "adam":
        return torch.optim.Adam(parameters, lr=learning_rate, weight_decay=weight_decay)
    if chosen == "adamw":
        return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
    if chosen == "adagrad":
        return torch.optim.Adagrad(parameters, lr=learning_rate, weight_decay=weight_decay)
    if chosen == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, weight_decay=weight_decay, momentum=0.9, nesterov=True)
    raise SettingsError(f"optimiser {name!r} is unknown; use one of {', '.join(OPTIMISERS)}")
