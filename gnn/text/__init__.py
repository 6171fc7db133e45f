"""Texts to vectors: encoders, a cache by content hash, and what counts as readable."""

from gnn.text.encoder import Encoder, open_encoder
from gnn.text.readable import clip, is_readable, readable_share

__all__ = ["Encoder", "clip", "is_readable", "open_encoder", "readable_share"]
