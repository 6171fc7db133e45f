"""Torch models. Importing a module here imports torch; the rest of `gnn` does it only when a training starts."""
