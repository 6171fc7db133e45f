"""Lookalike audiences: seeds in, everybody else ranked. NumPy and SciPy only."""

from gnn.lookalike.expand import Expansion, SeedReport, build, expand

__all__ = ["Expansion", "SeedReport", "build", "expand"]
