"""Members of a version of an audience, and seeds of a definition, as the control store keeps them: Arrow IPC streams in runs of
rows. In: tables. Out: rows of the store, and tables again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from graph.control.models import AudienceChunkRow, AudienceRow

__all__ = ["MEMBERS", "SEEDS", "as_seeds", "chunks_of", "current_chunks", "members_of", "seeds_as_bytes", "write_members"]

MEMBERS = pa.schema([("person_id", pa.string()), ("rank", pa.int64()), ("score", pa.float64())])
"""Members as they are read: rank counts from 1."""

SEEDS = pa.schema([("kind", pa.string()), ("id", pa.string())])
"""Listed seeds: devices and accounts."""

_CHUNK = 50_000


def write_members(session: Session, audience_id: str, version: int, members: pa.Table) -> None:
    """Add the members of a version: person_id, and optionally score; the order of rows is the rank."""
    for start in range(0, members.num_rows, _CHUNK):
        part = members.slice(start, _CHUNK)
        scores = part["score"].cast(pa.float64()) if "score" in part.column_names else pa.nulls(part.num_rows, pa.float64())
        table = pa.table({"person_id": part["person_id"].cast(pa.string()), "score": scores})
        session.add(
            AudienceChunkRow(
                audience_id=audience_id,
                version=version,
                first_rank=start + 1,
                last_rank=start + part.num_rows,
                members=_stream(table),
            )
        )
        session.flush()


def chunks_of(audience_id: str, version: int | None = None) -> Select[AudienceChunkRow]:
    """Chunks of a version of an audience, the current one by default, in the order of rank."""
    found = current_chunks() if version is None else _ordered().where(AudienceChunkRow.version == version)
    return found.where(AudienceChunkRow.audience_id == audience_id)


def current_chunks() -> Select[AudienceChunkRow]:
    """Chunks of the current versions of all audiences, in the order of audience and rank."""
    return (
        _ordered()
        .join(AudienceRow, AudienceRow.audience_id == AudienceChunkRow.audience_id)
        .where(AudienceChunkRow.version == AudienceRow.version)
    )


def members_of(session: Session, query: Select[AudienceChunkRow]) -> Iterator[tuple[str, pa.Table]]:
    """Audience and members (`MEMBERS`) of each chunk."""
    for row in session.scalars(query):
        table = pa.ipc.open_stream(row.members).read_all()
        ranks = np.arange(row.first_rank, row.last_rank + 1, dtype=np.int64)
        yield row.audience_id, pa.table([table["person_id"], pa.array(ranks), table["score"]], schema=MEMBERS)


def seeds_as_bytes(kinds: Sequence[str], ids: Sequence[str]) -> bytes:
    """Listed seeds, as they are kept."""
    return _stream(pa.table([pa.array(kinds, pa.string()), pa.array(ids, pa.string())], schema=SEEDS))


def as_seeds(kept: bytes) -> pa.Table:
    """Listed seeds, after `SEEDS`."""
    return pa.ipc.open_stream(kept).read_all()


def _ordered() -> Select[AudienceChunkRow]:
    return (
        select(AudienceChunkRow)
        .order_by(AudienceChunkRow.audience_id, AudienceChunkRow.first_rank)
        .execution_options(yield_per=1)
    )


def _stream(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(out.getvalue().to_pybytes())
