"""Tags without any label: vectors of content texts and of a taxonomy's tags in, what each content is about out.

Cosine similarity of a content's text and a tag's readable path, centred per tag (some tags are near everything), then a softmax
over the tags: s_ct = exp((cos_ct − mean_c cos_ct) / τ) / Σ_t'. Only a content's best few tags are kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.taxonomy import Tag, Taxonomy
from gnn.text import Encoder

__all__ = ["about_by_text", "taggable"]

Floats = npt.NDArray[np.float32]
_TEMPERATURE = 0.05
_KEPT = 5
_CHUNK = 4096


def taggable(taxonomy: Taxonomy) -> tuple[Tag, ...]:
    """Tags a text may be given: leaves, and of the IAB Audience Taxonomy those under Interest alone (the rest are
    demographics and purchase plans, which a content's text does not tell)."""
    leaves = taxonomy.leaves()
    interests = tuple(t for t in leaves if t.path.startswith("Interest | "))
    return interests or leaves


def about_by_text(text: Floats, tags: tuple[Tag, ...], encoder: Encoder) -> Floats:
    """(m, k) scores in 0..1, zero for contents without a vector and beyond each content's best five tags."""
    named = encoder.encode([t.path.split(" | ", 1)[-1].replace(" | ", ", ") for t in tags])
    readable = np.flatnonzero(text.any(axis=1))
    out = np.zeros((len(text), len(tags)), np.float32)
    if not len(readable):
        return out
    centre = named @ text[readable].mean(axis=0)
    for start in range(0, len(readable), _CHUNK):
        rows = readable[start : start + _CHUNK]
        scaled = (text[rows] @ named.T - centre) / _TEMPERATURE
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        scaled /= scaled.sum(axis=1, keepdims=True)
        if len(tags) > _KEPT:
            threshold = np.partition(scaled, -_KEPT, axis=1)[:, -_KEPT][:, None]
            scaled[scaled < threshold] = 0
        out[rows] = scaled
    return out
