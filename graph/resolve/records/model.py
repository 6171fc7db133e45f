"""A fitted match model: columns, parameters, frequencies and blocking keys; saved as JSON and Parquet.

Loaded again it gives scores that are equal bit for bit. Raises ModelError where the files are missing or damaged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graph.errors import InputError, ModelError
from graph.resolve.records.frequencies import Frequencies, Lookup
from graph.resolve.records.keys import KeySpec
from graph.resolve.records.kinds import LEVELS
from graph.resolve.records.parameters import Parameters
from graph.resolve.records.prepared import PreparedRecords
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Encoded, encode

__all__ = ["RecordModel"]

_VERSION = 1
_PARTS = ("values", "parts", "words")


@dataclass(frozen=True)
class RecordModel:
    """`records`: how many it was fitted on. `matches`: how many pairs of those it expects to be of one entity."""

    specs: tuple[ColumnSpec, ...]
    parameters: Parameters
    frequencies: Frequencies
    keys: tuple[KeySpec, ...]
    records: int
    matches: float

    def prepare(self, records: pa.Table) -> PreparedRecords:
        """Make records ready; a column that they lack is missing in all of them. Raises InputError where they lack all."""
        lacking = [spec.name for spec in self.specs if spec.name not in records.column_names]
        if self.specs and len(lacking) == len(self.specs):
            raise InputError(f"records have none of the columns of the match model ({', '.join(lacking)}); refit it")
        for name in lacking:
            records = records.append_column(name, pa.nulls(records.num_rows, pa.string()))
        return self.prepare_encoded(encode(records, self.specs))

    def prepare_encoded(self, encoded: Encoded) -> PreparedRecords:
        """The same of records whose values are numbered already."""
        return PreparedRecords(encoded, self.specs, self.parameters, self.frequencies, self.keys)

    def save(self, folder: Path) -> None:
        """Write the model into a folder, made if needed."""
        folder.mkdir(parents=True, exist_ok=True)
        p, f = self.parameters, self.frequencies
        document = {
            "version": _VERSION,
            "records": self.records,
            "matches": self.matches,
            "columns": [{"name": s.name, "kind": s.kind, "month_first": s.month_first} for s in self.specs],
            "keys": [{"parts": [list(part) for part in key.parts], "cap": key.cap} for key in self.keys],
            "prior": p.prior,
            "relative_prior": p.relative_prior,
            "made_of": p.made_of.tolist(),
            "relative": p.relative.tolist(),
            "match": p.match.tolist(),
            "chance": p.chance.tolist(),
            "parent": p.parent.tolist(),
            "partner": p.partner.tolist(),
            "reference": p.reference.tolist(),
            "filled": list(f.filled),
            "populations": list(f.populations),
            "exclusive": list(f.exclusive),
        }
        lookups = [(what, c, lookup) for what in _PARTS for c, lookup in enumerate(getattr(f, what))]
        sizes = np.array([len(lookup.hashes) for _, _, lookup in lookups], np.int64)
        table = pa.table(
            {
                "what": pa.array(np.repeat([_PARTS.index(what) for what, _, _ in lookups], sizes), pa.int8()),
                "column": pa.array(np.repeat([c for _, c, _ in lookups], sizes), pa.int32()),
                "hash": pa.array(np.concatenate([np.zeros(0, np.uint64), *(x.hashes for _, _, x in lookups)])),
                "count": pa.array(np.concatenate([np.zeros(0, np.int64), *(x.counts for _, _, x in lookups)])),
            }
        )
        pq.write_table(table, folder / "frequencies.parquet")
        (folder / "model.json").write_text(json.dumps(document))

    @classmethod
    def load(cls, folder: Path) -> RecordModel:
        """Read what `save` wrote. Raises ModelError."""
        try:
            document = json.loads((folder / "model.json").read_text())
            table = pq.read_table(folder / "frequencies.parquet")
            if document["version"] != _VERSION:
                raise ModelError(f"{folder}: match model of version {document['version']}, not {_VERSION}; fit it again")
            shape = (len(document["columns"]), 3, LEVELS)
            parameters = Parameters(
                np.array(document["match"], np.float64).reshape(shape),
                np.array(document["chance"], np.float64).reshape(shape),
                np.array(document["parent"], np.int64),
                np.array(document["partner"], np.int64),
                np.array(document["reference"], np.float64).reshape(shape[0], LEVELS),
                float(document["prior"]),
                np.array(document["relative"], np.float64).reshape(shape),
                float(document["relative_prior"]),
                np.array(document["made_of"], np.int64),
            )
            frequencies = Frequencies(
                tuple(document["filled"]),
                tuple(document["populations"]),
                tuple(document["exclusive"]),
                *_lookups(table, len(document["columns"])),
            )
            return cls(
                tuple(ColumnSpec(**column) for column in document["columns"]),
                parameters,
                frequencies,
                tuple(KeySpec(tuple((c, feature) for c, feature in key["parts"]), key["cap"]) for key in document["keys"]),
                document["records"],
                document["matches"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
            raise ModelError(f"{folder}: match model cannot be read ({type(error).__name__}); fit it again") from None


def _lookups(table: pa.Table, columns: int) -> list[tuple[Lookup, ...]]:
    what = table["what"].to_numpy()
    column = table["column"].to_numpy()
    hashes, counts = table["hash"].to_numpy(), table["count"].to_numpy()
    found: list[tuple[Lookup, ...]] = []
    for part in range(len(_PARTS)):
        own = [(what == part) & (column == c) for c in range(columns)]
        found.append(tuple(Lookup(hashes[rows], counts[rows]) for rows in own))
    return found
