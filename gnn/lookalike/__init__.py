"""Lookalike audiences: seeds in, everybody else ranked. Without torch."""

from gnn.lookalike.expand import Expansion, Reach, build, expand
from gnn.lookalike.picture import curve_svg
from gnn.lookalike.positions import Positions
from gnn.lookalike.quality import SeedQuality, as_document, seed_quality
from gnn.lookalike.stored import positions_of
from gnn.lookalike.walk import Engagements

__all__ = [
    "Engagements",
    "Expansion",
    "Positions",
    "Reach",
    "SeedQuality",
    "as_document",
    "build",
    "curve_svg",
    "expand",
    "positions_of",
    "seed_quality",
]
