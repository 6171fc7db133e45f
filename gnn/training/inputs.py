"""What members read of persons, on the device: label channels, scalars and features in, rows of any persons out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.features.channels import LabelChannels
from gnn.features.population import Population
from gnn.features.sequences import Sequences
from gnn.models.device import fitting
from gnn.models.members import Member, Rows
from gnn.models.pyg import HeteroData

__all__ = ["Inputs", "logits_of"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_STORED = {"position": "position", "network": "network", "texts": "text"}
"""Feature to its name in the interest graph's person store."""
_BATCH = 1024
_BLOCK_BYTES = 64_000_000


class Inputs:
    """Channels of everybody are held when they fit in `limit` bytes, else those of `taught` when they do; what is not held is
    computed for each batch."""

    def __init__(
        self,
        data: Population,
        channels: LabelChannels,
        graph_data: HeteroData,
        sequences: Sequences | None,
        device: torch.device,
        limit: int,
        taught: Indices,
    ) -> None:
        self._channels = channels
        store = graph_data["person"]
        self._features: dict[str, Tensor] = {name: store[kept] for name, kept in _STORED.items() if kept in store}
        self._sequences = sequences
        self._device = device
        everybody = np.arange(data.persons)
        scalars = channels.scalars(everybody)
        self.scalar_mean, self.scalar_deviation = scalars.mean(axis=0), np.maximum(scalars.std(axis=0), 1e-3)
        scaled = np.clip((scalars - self.scalar_mean) / self.scalar_deviation, -4, 4)
        self.scalars = torch.from_numpy(scaled.astype(np.float32)).to(device)
        self._bytes = len(data.tags) * len(channels.names) * 4
        held = everybody if data.persons * self._bytes <= limit else taught
        self._place = np.full(data.persons, -1, np.int64)
        self._held = torch.zeros(0, len(data.tags), len(channels.names))
        if len(held) * self._bytes <= limit:
            with suppress(torch.OutOfMemoryError):  # then they are computed for each batch
                self._held = torch.from_numpy(channels.rows(held)).to(device)
                self._place[held] = np.arange(len(held))

    def widths(self) -> dict[str, int]:
        """Width of each feature, of those that say anything."""
        widths = {name: int(value.shape[1]) for name, value in self._features.items()}
        if self._sequences is not None and self._sequences.length:
            widths["sequence"] = self._sequences.width
        return {name: width for name, width in widths.items() if width}

    def channels(self, persons: Indices) -> Tensor:
        """(b, k, C) on the device."""
        place = self._place[persons]
        if (place >= 0).all():
            return self._held[torch.from_numpy(place).to(self._device)]
        return torch.from_numpy(self._channels.rows(persons)).to(self._device)

    def blocks(self, persons: Indices) -> Iterator[Indices]:
        """Places among `persons`, so many at a time as may be asked for at once, those first that see the same labels."""
        order = np.argsort(self._channels.view_of[persons], kind="stable")
        step = max(1, _BLOCK_BYTES // max(self._bytes, 1))
        for start in range(0, len(order), step):
            yield order[start : start + step]

    def rows(self, persons: Indices, hidden: Tensor) -> Rows:
        """Everything of these persons; `hidden` (n, d) is a member's `encode`."""
        places = torch.from_numpy(persons).to(self._device)
        features = {name: value[places] for name, value in self._features.items()}
        if self._sequences is not None:
            features["sequence"] = self._sequences.rows(places)
        return Rows(self.channels(persons), self.scalars[places], features, hidden.to(self._device)[places])


def logits_of(
    member: Member,
    graph_data: HeteroData,
    inputs: Inputs,
    persons: Indices,
    say: Callable[[str], None] = lambda note: None,
) -> Floats:
    """Logits (b, k) of these persons by one member, in batches; smaller ones, and `say` is told, where memory is too small."""

    def read(size: int) -> list[Floats]:
        return [member.predict(inputs.rows(persons[start : start + size], hidden)) for start in range(0, len(persons), size)]

    with torch.inference_mode():
        hidden = member.encode(graph_data)
        found, _ = fitting(_BATCH, read, say)
    return np.concatenate(found)
