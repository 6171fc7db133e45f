"""Contents for persons: nothing already seen is offered. NumPy and SciPy only."""

from gnn.recommend.items import recommend

__all__ = ["recommend"]
