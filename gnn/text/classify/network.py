"""A convolutional network over the pieces of a text, trained here: piece numbers in, class logits out.

After Kim, "Convolutional Neural Networks for Sentence Classification" (EMNLP 2014), with filters of several widths, and input
vectors that start from a packaged model where there is one:

x_t = P e(p_t) + a,   h_tk = relu(W_k [x_{t−⌊k/2⌋} … x_{t+⌈k/2⌉−1}] + b_k),   z = [max_t h_tk, mean_t h_tk]_k,
logits = U dropout(z) + c

The maximum tells that something was said, the mean how much of the text says it. e is the packaged table, or drawn at random
(then P is the identity and a = 0), and is trained with the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.models.device import choose_device, few_threads, seeded
from gnn.text.classify.corpus import Bools, Corpus, Floats, Indices
from gnn.text.classify.fitting import FEW_TEXTS, Fitting, fit, predict, rate_of
from gnn.text.classify.options import NetworkOptions
from gnn.text.classify.pieces import Pieces, split
from graph.progress import Progress, ignore_progress

__all__ = ["NetworkClassifier", "TextConvolution"]

_RATES = {"adam": 2e-3, "adamw": 2e-3, "adagrad": 1e-2, "sgd": 5e-2}
_INPUT_DEVIATION = 0.5  # of a component of e; vectors much shorter than the filters' weights expect learn slowly
_INPUT_DROPOUT = 0.2
_TEXT_PASSES = 64_000


class TextConvolution(nn.Module):
    """`size` pieces, `classes` outputs, `start` (size, d) the first input vectors or None."""

    def __init__(self, size: int, classes: int, options: NetworkOptions, start: Tensor | None = None) -> None:
        super().__init__()
        self._options = options
        wide = options.width if start is None else start.shape[1]
        self.inputs = nn.Embedding(size, wide, padding_idx=0)
        with torch.no_grad():
            nn.init.normal_(self.inputs.weight, std=_INPUT_DEVIATION)
            if start is not None:
                self.inputs.weight.copy_(start)
            self.inputs.weight[0] = 0
        self.projection = nn.Identity() if start is None else nn.Linear(wide, options.width)
        self.filters = nn.ModuleList(nn.Conv1d(options.width, options.width, k, padding=k // 2) for k in options.kernels)
        self.head = nn.Linear(2 * options.width * len(options.kernels), classes)

    def forward(self, pieces: Tensor) -> Tensor:
        """Logits (b, c) float32 of piece numbers (b, t) int64, zero where a text has ended."""
        if self.training and self._options.piece_dropout:
            hidden = torch.rand(pieces.shape, device=pieces.device) < self._options.piece_dropout
            pieces = pieces.masked_fill(hidden, 0)
        read = (pieces != 0).unsqueeze(1)
        found = self.projection(functional.dropout(self.inputs(pieces), _INPUT_DROPOUT, self.training)).transpose(1, 2) * read
        length, count = pieces.shape[1], read.sum(dim=2).clamp(min=1)
        # Zero is the least a rectified filter gives, so an ended position never is the maximum that counts.
        heard = [functional.relu(f(found))[:, :, :length] * read for f in self.filters]
        pooled = torch.cat([h.amax(dim=2) for h in heard] + [h.sum(dim=2) / count for h in heard], dim=1)
        out: Tensor = self.head(functional.dropout(pooled, self._options.dropout, self.training))
        return out


class NetworkClassifier:
    """`Classifier` by that network. Pieces are numbered once, over all texts; every fit starts from the same vectors."""

    costly = True

    def __init__(
        self, corpus: Corpus, options: NetworkOptions, progress: Progress = ignore_progress, *, name: str = "network"
    ) -> None:
        self.name = name
        self._corpus = corpus
        self._options = options
        self._progress = progress
        self._pieces = split(corpus, options.pieces, options.unit)
        self._start = _start(self._pieces)
        self.notes: list[str] = []

    @property
    def unit(self) -> str:
        """What the network reads: subwords, words or characters."""
        return self._pieces.unit

    def probabilities(self, fit_rows: Indices, targets: Bools, asked: Indices, seed: int) -> Floats:
        """As `Classifier.probabilities`."""
        device = choose_device(self._options.device)
        epochs = self._options.epochs or int(np.clip(round(_TEXT_PASSES / max(len(fit_rows), 1)), 5, 16))
        settings = Fitting(
            optimiser=self._options.optimiser,
            learning_rate=rate_of(self._options.optimiser, self._options.learning_rate, _RATES),
            weight_decay=self._options.weight_decay,
            epochs=epochs,
            batch_texts=self._options.batch_texts,
            exclusive=self._corpus.exclusive,
        )
        with seeded(seed, device), few_threads(len(fit_rows), small=FEW_TEXTS):
            model = TextConvolution(self._pieces.size, targets.shape[1], self._options, self._start).to(device)
            # Weight decay would pull the input vectors of rare pieces, which hardly get a gradient, towards nothing.
            groups: list[dict[str, Any]] = [
                {"params": list(model.inputs.parameters()), "weight_decay": 0.0},
                {"params": [p for part in (model.projection, model.filters, model.head) for p in part.parameters()]},
            ]
            self.notes += fit(model, groups, self._pieces.rows, fit_rows, targets, settings, device, seed, self._progress)
            return predict(model, self._pieces.rows, asked, targets, settings, device)


def _start(pieces: Pieces) -> Tensor | None:
    """The pretrained vectors (size, d), scaled; None where there are none."""
    if pieces.table is None:
        return None
    scaled = pieces.table * (_INPUT_DEVIATION / max(float(pieces.table[2:].std()), 1e-9))
    return torch.from_numpy(scaled.astype(np.float32))
