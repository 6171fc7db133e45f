"""The fitted taggers together: members of several kinds and what each kind counts, read from and written to a version's folder.

z_pt = Σ_j w_j · mean over the members i of kind j of z_i,pt, then calibrated. Networks are state_dicts in states.pt, read with
`weights_only`; trees are arrays in trees.npz, read without pickle; what else is needed is JSON in the version's details.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.models.members import Member, Rows
from gnn.models.pyg import HeteroData
from gnn.models.tagger import Tagger, TaggerShape
from gnn.models.trees import Trees, read_trees, write_trees
from gnn.training.calibration import Calibration

__all__ = ["STATES", "TREES", "Ensemble"]

Floats = npt.NDArray[np.float32]
STATES, TREES = "states.pt", "trees.npz"


@dataclass(frozen=True)
class Ensemble:
    """`weights`: kind to its share, summing to one; every member is of one of these. `shape`: the richest network's."""

    members: tuple[Member, ...]
    weights: Mapping[str, float]
    calibration: Calibration
    shape: TaggerShape

    def encode(self, data: HeteroData) -> list[Tensor]:
        """Of each member: hidden states of all persons of a graph; for `logits`, where members pass messages."""
        with torch.inference_mode():
            return [member.encode(data) for member in self.members]

    def logits(self, rows: Rows, hidden: Sequence[Tensor] = ()) -> Floats:
        """z (b, k) before calibration. `hidden`: of each member the (b, d) of these persons, where any passes messages."""
        total = np.zeros(tuple(rows.channels.shape[:2]), np.float32)
        for i, member in enumerate(self.members):
            own = dataclasses.replace(rows, hidden=hidden[i]) if hidden else rows
            share = self.weights[member.kind] / sum(m.kind == member.kind for m in self.members)
            total += np.float32(share) * member.predict(own)
        return total

    def probabilities(self, rows: Rows, hidden: Sequence[Tensor] = ()) -> Floats:
        """(b, k): calibrated."""
        return self.calibration.apply(self.logits(rows, hidden))

    def describe(self) -> dict[str, Any]:
        """What `read` needs beside the files, fit for JSON."""
        return {
            "shape": dataclasses.asdict(self.shape),
            "calibration": dataclasses.asdict(self.calibration),
            "weights": dict(self.weights),
            "towers": [list(m.shape.towers) for m in self.members if isinstance(m, Tagger)],
            "trees": sum(isinstance(m, Trees) for m in self.members),
        }

    def write(self, folder: Path) -> None:
        """Write the members' files; of a class without members there is none."""
        states = [
            {name: tensor.detach().cpu().clone() for name, tensor in m.state_dict().items()}
            for m in self.members
            if isinstance(m, Tagger)
        ]
        if states:
            torch.save(states, folder / STATES)
        trees = [m for m in self.members if isinstance(m, Trees)]
        if trees:
            write_trees(trees, folder / TREES)

    @staticmethod
    def read(folder: Path, described: Mapping[str, Any]) -> Ensemble:
        """What `write` wrote, on the CPU and ready to predict; `described` is what `describe` gave, from JSON.

        Raises OSError, and ValueError, KeyError or RuntimeError for files that do not belong together."""
        told = described["shape"]
        shape = TaggerShape(**{**told, "edge_types": [tuple(e) for e in told["edge_types"]], "towers": tuple(told["towers"])})
        calibration = Calibration(described["calibration"]["slope"], tuple(described["calibration"]["offsets"]))
        members: list[Member] = []
        if described["towers"]:
            states = torch.load(folder / STATES, weights_only=True)
            for towers, state in zip(described["towers"], states, strict=True):
                tagger = Tagger(dataclasses.replace(shape, towers=tuple(towers)), torch.full((shape.tags,), 0.5))
                tagger.load_state_dict(state)
                members.append(tagger.eval())
        if described["trees"]:
            members += read_trees(folder / TREES)
        return Ensemble(tuple(members), described["weights"], calibration, shape)
