"""Parquet files to raw batches, in bounded memory: a batch is at most 65,536 rows or some 32 MB."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from graph.ingest.batches import Advance, RawBatch, column_names
from graph.ingest.source import SourceFile, reading

__all__ = ["read_parquet"]

_ROWS = 65_536
_BYTES = 32 << 20


def read_parquet(file: SourceFile, advance: Advance) -> Iterator[RawBatch]:
    """Read a file row group by row group."""
    with reading(file.path):
        parquet = pq.ParquetFile(file.path)
        names = column_names(file.table, parquet.schema_arrow.names)
        rows = max(parquet.metadata.num_rows, 1)
        size = sum(parquet.metadata.row_group(i).total_byte_size for i in range(parquet.num_row_groups))
        share = file.path.stat().st_size / rows
        done = 0
        for batch in parquet.iter_batches(batch_size=max(64, min(_ROWS, _BYTES * rows // max(size, 1)))):
            numbers = pa.array(range(done + 1, done + batch.num_rows + 1), pa.int64())
            done += batch.num_rows
            yield RawBatch(file.table, pa.RecordBatch.from_arrays(batch.columns, names=names), numbers)
            advance(int(batch.num_rows * share))
