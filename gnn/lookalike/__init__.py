"""Lookalike audiences: seeds in, everybody else ranked. Without torch."""

from gnn.lookalike.expand import Expansion, Reach, SeedReport, build, expand
from gnn.lookalike.positions import Positions
from gnn.lookalike.stored import positions_of
from gnn.lookalike.walk import Engagements

__all__ = ["Engagements", "Expansion", "Positions", "Reach", "SeedReport", "build", "expand", "positions_of"]
