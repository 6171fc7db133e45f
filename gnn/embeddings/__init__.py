"""Reading person embeddings: similar persons. NumPy only."""

from gnn.embeddings.similar import similar_persons

__all__ = ["similar_persons"]
