"""What taggers read of persons, on the device: label channels and scalars of a population in, tensors of any persons out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.features.channels import LabelChannels
from gnn.features.population import Population

__all__ = ["Inputs"]

Indices = npt.NDArray[np.int64]


class Inputs:
    """Channels are cached whole when they fit in `limit` bytes, else computed for each batch."""

    def __init__(self, data: Population, channels: LabelChannels, device: torch.device, limit: int) -> None:
        self._channels = channels
        self._device = device
        everybody = np.arange(data.persons)
        scalars = channels.scalars(everybody)
        deviation = np.maximum(scalars.std(axis=0), 1e-3)
        scaled = np.clip((scalars - scalars.mean(axis=0)) / deviation, -4, 4)
        self.scalars = torch.from_numpy(scaled.astype(np.float32)).to(device)
        size = data.persons * len(data.tags) * len(channels.names) * 4
        self._held = torch.from_numpy(channels.rows(everybody)).to(device) if size <= limit else None

    def channels(self, persons: Indices) -> Tensor:
        """(b, k, C) on the device."""
        if self._held is not None:
            return self._held[torch.from_numpy(persons).to(self._device)]
        return torch.from_numpy(self._channels.rows(persons)).to(self._device)
