"""Drift: how far today's population and its tag scores are from those of the training. NumPy and SciPy only."""

from gnn.monitor.drift import Drift, DriftRow, drift, reference_of

__all__ = ["Drift", "DriftRow", "drift", "reference_of"]
