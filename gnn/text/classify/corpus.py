"""The texts of one classification: what every classifier is given, and the interface each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Classifier", "Corpus", "Floats", "Indices"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Corpus:
    """`texts` (n), each readable and cut to a length. `spaceless`: words are not separated by spaces (Chinese, Japanese, Thai).
    `exclusive`: every text has exactly one class. `vectors` (n, e): frozen text vectors, where somebody has computed them."""

    texts: Sequence[str]
    spaceless: bool
    exclusive: bool
    vectors: Floats | None = None


class Classifier(Protocol):
    """Learns from some texts of a corpus and says how probable each class is for others. Deterministic for a seed."""

    name: str
    costly: bool
    """Whether a fit takes minutes where the others take seconds: it is then tried on one fold first."""
    notes: list[str]
    """What a fit had to say."""

    def probabilities(self, fit: Indices, targets: Bools, asked: Indices, seed: int) -> Floats:
        """Fitted on the texts `fit` with `targets` (len(fit), c): (len(asked), c) float32 in 0..1; of an exclusive corpus each
        row sums to one. The texts `asked` are read, their classes are not known here. A class without an example has 0."""
