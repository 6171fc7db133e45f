"""What the members of an ensemble read of persons, and what each of them can do. Networks and trees are members alike.

A member of whatever kind gives one logit for each tag of each row; kinds are weighted against each other by what persons say whom
no member has seen (`gnn.training.stacking`), members of one kind count the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gnn.models.pyg import HeteroData

__all__ = ["Member", "Rows"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """What members read of b persons, float32 on one device."""

    channels: Tensor
    """(b, k, C): label channels, standardised."""
    scalars: Tensor
    """(b, S), standardised."""
    features: Mapping[str, Tensor]
    """Name to (b, …): what else is known of a person, in the names of the towers that read it."""
    hidden: Tensor
    """(b, d): the member's own `encode`, of these persons; (b, 0) for members without message passing."""

    def part(self, where: slice) -> Rows:
        """Some of the persons."""
        features = {name: value[where] for name, value in self.features.items()}
        return Rows(self.channels[where], self.scalars[where], features, self.hidden[where])


class Member(Protocol):
    """One fitted tagger."""

    @property
    def kind(self) -> str:
        """Members of one kind share one weight."""

    def encode(self, data: HeteroData) -> Tensor:
        """Hidden states of all persons of a graph, (n, d); (n, 0) for members that do without."""

    def predict(self, rows: Rows) -> Floats:
        """Logits (b, k), float32, without any gradient."""
