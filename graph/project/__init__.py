"""Projection: the identity graph, and changes of it, as tables that a graph store loads."""

from graph.project.build import snapshot
from graph.project.change import change
from graph.project.engagement import engagement

__all__ = ["change", "engagement", "snapshot"]
