"""What a version was trained on, without any personal data: counts and a hash of the population, and where the lake stood.

`population` is SHA-256 over everything that training reads of persons and contents; the same hash is the same input, in every
home with the same hashing key. It depends on person ids only through the order of the persons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.population import Population
from graph.tables import LAKE_TABLES

__all__ = ["data_snapshot", "population_hash"]


def data_snapshot(connection: duckdb.DuckDBPyConnection, data: Population) -> dict[str, Any]:
    """`population` (hash), counts, and for each lake table that has rows their number and the latest batch among them."""
    tables: dict[str, dict[str, int]] = {}
    known = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    for name in sorted(known & set(LAKE_TABLES)):
        found = connection.execute(f'SELECT count(*), coalesce(max(_batch), 0) FROM "{name}"').fetchone()
        if found is not None and found[0]:
            tables[name] = {"rows": int(found[0]), "batch": int(found[1])}
    return {
        "population": population_hash(data),
        "persons": data.persons,
        "contents": data.contents,
        "tags": len(data.tags),
        "labelled": int(data.labelled.sum()),
        "engagements": int(data.engagement.nnz),
        "as_of": data.as_of.isoformat() if data.as_of else None,
        "tables": tables,
    }


def population_hash(data: Population) -> str:
    """SHA-256 of a population, in hex."""
    found = hashlib.sha256()
    for name, value in sorted(vars(data).items()):
        if name == "person_ids":
            continue
        found.update(f"\0{name}\0".encode())
        for part in _bytes(value):
            found.update(part)
    return found.hexdigest()


def _bytes(value: Any) -> Iterator[bytes | memoryview]:
    if sp.issparse(value):
        matrix = sp.csr_matrix(value)
        for part in (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data):
            yield from _bytes(part)
    elif isinstance(value, np.ndarray):
        array: npt.NDArray[Any] = np.ascontiguousarray(value)
        yield f"{array.dtype.str}{array.shape}".encode()
        yield array.reshape(-1).view(np.uint8).data
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _bytes(item)
            yield b"\0"
    elif hasattr(value, "__dataclass_fields__"):
        for item in vars(value).values():
            yield from _bytes(item)
    elif hasattr(value, "to_numpy"):  # an Arrow array
        yield from _bytes(value.to_pylist())
    else:
        yield str(value).encode()
