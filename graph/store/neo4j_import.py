"""First loads by Neo4j's import tool. In: a snapshot. Out: CSV files in the tool's format, the command that loads them, and,
for the home's local server, the loaded graph.

The tool writes a whole database at once, about ten times as fast as a running server takes rows, but only while the server is
stopped. Format: https://neo4j.com/docs/operations-manual/5/import/ ; an unquoted empty field is null, a quoted one is "".
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

import cypher
from graph.errors import ForeignGraph, HomeNotWritable, ServerError
from graph.home import Home
from graph.progress import Progress, ignore_progress
from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Property
from graph.snapshot import Snapshot
from graph.store import server
from graph.store.conform import conform_snapshot
from graph.store.neo4j_connection import Neo4jConnection
from graph.store.server import ServerStatus

__all__ = ["ImportFiles", "finish_command", "import_arguments", "import_command", "import_into_local", "write_import_files"]

_BATCH_ROWS = 100_000
_FINISH = "finish.cypher"
_MARKER = "_Tessera"
_CONSTRAINED = (
    {"label": _MARKER, "key": "name"},
    *({"label": label.value, "key": node.key} for label, node in NODES.items()),
)
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
    """Files of one snapshot in `folder`: (label, file name) and (type, file name), one file for each pair of ends. The marker
    among the nodes says that the graph is not whole; `finish.cypher` makes the constraints and says that it is."""

    folder: Path
    nodes: tuple[tuple[str, str], ...]
    relationships: tuple[tuple[str, str], ...]
    multiline: tuple[str, ...]
    largest_field_bytes: int
    home_id: str
    rows: dict[str, int]


def write_import_files(snapshot: Snapshot, folder: Path, progress: Progress = ignore_progress) -> ImportFiles:
    """Write the files into `folder`, which is made. Empty tables give no file. Raises StoreError for a table that no store
    could hold, OSError."""
    snapshot = conform_snapshot(snapshot)
    folder.mkdir(parents=True, exist_ok=True)
    measured, done = _Measured(), 0
    total = sum(t.num_rows for t in (*snapshot.nodes.values(), *snapshot.relationships.values()))
    marker = pa.table({"name": ["home"], "home_id": [snapshot.home_id], "complete": [False]})
    _write(
        marker,
        {"name": "name:string", "home_id": "home_id:string", "complete": "complete:boolean"},
        folder / f"{_MARKER}.csv",
        measured,
    )
    (folder / _FINISH).write_text(_finish_script(snapshot.home_id))
    nodes, relationships = [(_MARKER, f"{_MARKER}.csv")], []
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
    return ImportFiles(
        folder,
        tuple(nodes),
        tuple(relationships),
        tuple(measured.multiline),
        measured.largest_field_bytes,
        snapshot.home_id,
        snapshot.counts(),
    )


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
    """The command for a server elsewhere: copy the folder there, stop the server, run this in the folder, start the server,
    run `finish_command` in the folder."""
    return shlex.join(["neo4j-admin", "database", "import", "full", *import_arguments(files)])


def finish_command(files: ImportFiles) -> str:
    """The command that makes the constraints after the import; until it ran, the graph counts as unfinished."""
    return shlex.join(["cypher-shell", "--database", "neo4j", "--file", _FINISH])


def import_into_local(
    home: Home,
    snapshot: Snapshot,
    *,
    replace_foreign: bool = False,
    short_lived: bool = False,
    progress: Progress = ignore_progress,
) -> ServerStatus:
    """Make the home's local server hold exactly this graph, by the import tool. The server is stopped for it and started again
    on the same ports, so connections to it break off. Killed half-way, it leaves a graph that is marked unfinished: the next
    load starts afresh. Raises ForeignGraph before anything is stopped, ServerError, HomeNotWritable, MissingExtra.
    """
    _refuse_foreign(home, snapshot.home_id, replace_foreign, progress)
    folder = home.neo4j / "import" / "load"
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of a load that was killed
        files = write_import_files(snapshot, folder, progress)
        status = server.import_full(home, import_arguments(files), folder, short_lived=short_lived, progress=progress)
    except OSError as error:
        raise HomeNotWritable(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with _connected(status) as connection:
        _finish(connection, files, progress)
    return status


def _refuse_foreign(home: Home, home_id: str, replace_foreign: bool, progress: Progress) -> None:
    if replace_foreign or not server.holds_data(home):
        return
    status = server.status(home)
    if not status.running:
        status = server.start_again(home, progress=progress)
    with _connected(status) as connection:
        found = connection.named("read_marker")[0]
        if found["foreign"] or found["home_id"] not in (None, home_id):
            raise ForeignGraph(connection.address, found["home_id"] or "nodes without Tessera's marker", home_id)


def _finish(connection: Neo4jConnection, files: ImportFiles, progress: Progress) -> None:
    what, total = "index the keys", len(_CONSTRAINED) + 2
    for done, slots in enumerate(_CONSTRAINED):
        progress(what, done, total)
        connection.named("create_constraint", **slots)
    connection.named("await_indexes")
    progress(what, total - 1, total)
    for name, rows in files.rows.items():
        slot = {"label": name} if name in NODES else {"type": name}
        found = connection.named("count_nodes" if name in NODES else "count_relationships", **slot)[0]["count"]
        if found != rows:
            raise ServerError(f"the import tool made {found} of {rows} {name}; load the graph again")
    connection.named("write_marker", {"home_id": files.home_id, "complete": True})
    progress(what, total, total)


def _finish_script(home_id: str) -> str:
    """What `cypher-shell` runs after the import."""
    texts = [
        *(cypher.load("create_constraint", "neo4j").fill(**slots) for slots in _CONSTRAINED),
        *(cypher.load(name, "neo4j").text for name in ("await_indexes", "write_marker")),
    ]
    return f":param {{home_id: '{home_id}', complete: true}}\n" + "".join(f"{text};\n" for text in texts)


@contextmanager
def _connected(status: ServerStatus) -> Iterator[Neo4jConnection]:
    connection = Neo4jConnection(status.url or "")
    try:
        yield connection
    finally:
        connection.close()


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
        for batch in table.select(columns).to_batches(max_chunksize=_BATCH_ROWS):
            writer.write_batch(pa.RecordBatch.from_arrays([_written(column) for column in batch.columns], schema=schema))


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
