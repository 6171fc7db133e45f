"""Projection: the identity graph as tables that a graph store loads."""

from graph.project.build import snapshot

__all__ = ["snapshot"]
