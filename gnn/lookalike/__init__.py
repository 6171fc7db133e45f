"""Lookalike audiences: seeds in, everybody else ranked. NumPy and SciPy only."""

from gnn.lookalike.expand import Expansion, SeedReport, build, expand
from gnn.lookalike.parts import Positions
from gnn.lookalike.stored import positions_of

__all__ = ["Expansion", "Positions", "SeedReport", "build", "expand", "positions_of"]
