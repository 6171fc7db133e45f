"""The parts of PyTorch Geometric that Tessera uses, imported in one place.

Importing it makes torch warn about `torch.jit.script`, which PyG 2.8 still calls for two pooling classes that nothing here
uses; that one warning is not a user's business. Raises MissingExtra when PyG is not installed.
"""

from __future__ import annotations

import warnings

from graph.errors import MissingExtra

try:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)
        from torch_geometric.data import HeteroData
        from torch_geometric.nn.conv import MessagePassing
        from torch_geometric.transforms import ToUndirected
except ImportError as error:
    raise MissingExtra("Learning interests", "gnn") from error

__all__ = ["HeteroData", "MessagePassing", "ToUndirected"]
