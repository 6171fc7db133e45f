"""First loads by Neo4j's import tool. In: a snapshot. Out: CSV files in the tool's format, the command that loads them, and,
for the home's local server, the loaded graph.

The tool writes a whole database at once, about ten times as fast as a running server takes rows, but only while the server is
stopped. Format: https://neo4j.com/docs/operations-manual/5/import/ ; an unquoted empty field is null, a quoted one is "".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Property
from graph.snapshot import Snapshot
from graph.store.protocol import Progress, ignore_progress

__all__ = ["ImportFiles", "import_arguments", "import_command", "write_import_files"]

_BATCH_ROWS = 100_000
_SMALLEST_BUFFER = 4 << 20  # the tool's own default, in bytes
_TYPES = {
    Property.STRING: "string",
    Property.INT64: "long",
    Property.DOUBLE: "double",
    Property.BOOL: "boolean",
    Property.TIMESTAMP: "datetime",
}


@dataclass
class _Measured:
    """What the tool must be told about the values: which files have line breaks in fields, how large the largest field is."""

    multiline: list[str] = field(default_factory=list)
    largest_field_bytes: int = 0


@dataclass(frozen=True)
class ImportFiles:
    """Files of one snapshot in `folder`: (label, file name) and (type, file name), one file for each pair of ends."""

    folder: Path
    nodes: tuple[tuple[str, str], ...]
    relationships: tuple[tuple[str, str], ...]
    multiline: tuple[str, ...]
    largest_field_bytes: int


def write_import_files(snapshot: Snapshot, folder: Path, progress: Progress = ignore_progress) -> ImportFiles:
    """Write the files into `folder`, which is made. Empty tables give no file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    measured, done = _Measured(), 0
    total = sum(t.num_rows for t in (*snapshot.nodes.values(), *snapshot.relationships.values()))
    nodes, relationships = [], []
    for label, table in snapshot.nodes.items():
        if table.num_rows:
            node, name = NODES[label], f"{label.value}.csv"
            header = {node.key: f"{node.key}:ID({label.value})", **_headers(node.properties)}
            _write(table, header, folder / name, measured)
            nodes.append((label.value, name))
            progress("write import files", done := done + table.num_rows, total)
    for edge, table in snapshot.relationships.items():
        if table.num_rows:
            name = f"{edge.type.value}.{edge.source.value}.{edge.target.value}.csv"
            ends = {"source": f":START_ID({edge.source.value})", "target": f":END_ID({edge.target.value})"}
            _write(table, {**ends, **_headers(RELATIONSHIPS[edge.type].properties)}, folder / name, measured)
            relationships.append((edge.type.value, name))
            progress("write import files", done := done + table.num_rows, total)
    return ImportFiles(folder, tuple(nodes), tuple(relationships), tuple(measured.multiline), measured.largest_field_bytes)


def import_arguments(files: ImportFiles) -> list[str]:
    """Arguments of `neo4j-admin database import full`, run in the files' folder. Names are relative, since the tool takes
    file names for regular expressions and splits them at commas."""
    arguments = ["neo4j", "--overwrite-destination=true", "--bad-tolerance=0", "--normalize-types=false"]
    if files.multiline:
        arguments += [f"--multiline-fields={','.join(files.multiline)}", "--multiline-fields-format=v2"]
    if files.largest_field_bytes * 2 > _SMALLEST_BUFFER:
        arguments.append(f"--read-buffer-size={files.largest_field_bytes * 2}")
    arguments += [f"--nodes={label}={name}" for label, name in files.nodes]
    arguments += [f"--relationships={kind}={name}" for kind, name in files.relationships]
    return arguments


def import_command(files: ImportFiles) -> str:
    """The command for a server elsewhere: copy the folder there, stop the server, run it in the folder, start the server."""
    return shlex.join(["neo4j-admin", "database", "import", "full", *import_arguments(files)])


def _headers(properties: dict[str, Property]) -> dict[str, str]:
    return {name: f"{name}:{_TYPES[kind]}" for name, kind in properties.items()}


def _write(table: pa.Table, header: dict[str, str], file: Path, measured: _Measured) -> None:
    columns = [name for name in header if name in table.column_names]
    texts = [name for name in columns if pa.types.is_string(table.schema.field(name).type)]
    for name in texts:
        longest = pc.max(pc.binary_length(table[name])).as_py() or 0
        measured.largest_field_bytes = max(measured.largest_field_bytes, longest)
    if any(pc.any(pc.match_substring_regex(table[name], "[\r\n]")).as_py() for name in texts):
        measured.multiline.append(file.name)
    schema = pa.schema([(header[name], _written_type(table.schema.field(name).type)) for name in columns])
    options = pa.csv.WriteOptions(quoting_style="needed", quoting_header="none")
    with pa.csv.CSVWriter(file, schema, write_options=options) as writer:
        for batch in _batches(table.select(columns)):
            writer.write_batch(pa.RecordBatch.from_arrays([_written(column) for column in batch.columns], schema=schema))


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=_BATCH_ROWS)


def _written_type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind == ARROW_TYPES[Property.TIMESTAMP] or kind == ARROW_TYPES[Property.DOUBLE] else kind


def _written(column: pa.Array) -> pa.Array:
    """The column as the tool reads it: times in ISO 8601 with Z, real numbers as Java writes those that are not finite."""
    if column.type == ARROW_TYPES[Property.TIMESTAMP]:
        text = column.cast(pa.timestamp("us")).cast(pa.string())
        return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T", max_replacements=1), "Z", "")
    if column.type == ARROW_TYPES[Property.DOUBLE]:
        text = column.cast(pa.string())
        if pc.all(pc.is_finite(column)).as_py() is False:
            text = pc.replace_substring(pc.replace_substring(text, "inf", "Infinity"), "nan", "NaN")
        return text
    return column
