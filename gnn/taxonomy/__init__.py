"""Taxonomies: which tags there are, how they nest, and which are sensitive."""

from gnn.taxonomy.load import load, of_strings
from gnn.taxonomy.model import Tag, Taxonomy

__all__ = ["Tag", "Taxonomy", "load", "of_strings"]
