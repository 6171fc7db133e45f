"""The SQLite database under the identity log, `identity.sqlite`: its tables, older versions brought up to date, transactions.

In: the identity folder of a home. Out: `IdentityDatabase`, on which `log` and `log_assertions` read and write rows. WAL mode and
`synchronous = FULL`: after a kill or a power failure the state before or after a transaction is there, whole.

members            kind, id -> person_id, the run that first saw the member, and its origin (see `lifecycle`; null where that is
                   the person itself): the key index, one look-up per subject
persons            every id ever given, with its anchor and the runs that made and retired it; an id is never given twice
aliases            retired id -> into_id, the person it is under, and current_id, the living person at the end of that chain;
                   into_id makes a forest whose roots are living, so that no alias can lead back to itself
former             persons as they were before a run changed them: a hash of the members -> the person, that run (the last one),
                   the retired ids that led to it and the origins of its members, both as JSON
log                append-only, see `log`
assertions         what operators said, see `log_assertions`; rows are revoked, never deleted
assertion_members  the members of the groups of an assertion about groups
state              the last run's number, the folder of its derived tables and that of the fitted parameters
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from graph.errors import HomeError, HomeNotWritable

__all__ = ["IdentityDatabase"]

_VERSION = (
    3  # PRAGMA user_version; 0 is the first form, without origins, into_id and assertions, 2 the one without former persons
)
_WITH_ASSERTIONS = 2

_ASSERTIONS = """
CREATE TABLE assertions (number INTEGER PRIMARY KEY AUTOINCREMENT, action TEXT NOT NULL, left_kind TEXT NOT NULL,
    left_id TEXT NOT NULL, right_kind TEXT NOT NULL, right_id TEXT NOT NULL, made_by TEXT NOT NULL, reason TEXT,
    at TEXT NOT NULL, seq INTEGER NOT NULL, revoked_at TEXT, revoked_by TEXT);
CREATE TABLE assertion_members (number INTEGER NOT NULL, side INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (number, side, kind, id)) WITHOUT ROWID;
"""
_FORMER = """
CREATE TABLE former (shape BLOB PRIMARY KEY, person_id TEXT NOT NULL, run INTEGER NOT NULL, retired TEXT NOT NULL,
    origins TEXT NOT NULL) WITHOUT ROWID;
"""
_SCHEMA = f"""
CREATE TABLE members (kind TEXT, id TEXT, person_id TEXT NOT NULL, since_run INTEGER NOT NULL,
    origin_id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE persons (person_id TEXT NOT NULL, anchor_kind TEXT NOT NULL, anchor_id TEXT NOT NULL,
    created_run INTEGER NOT NULL, retired_run INTEGER);
CREATE TABLE aliases (person_id TEXT PRIMARY KEY, into_id TEXT NOT NULL, current_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at TEXT, action TEXT NOT NULL,
    person_id TEXT NOT NULL, other_id TEXT, kind TEXT, id TEXT, cause TEXT NOT NULL);
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), run INTEGER NOT NULL, version TEXT, parameters TEXT);
INSERT INTO state VALUES (1, 0, NULL, NULL);
{_ASSERTIONS}
{_FORMER}
PRAGMA user_version = {_VERSION};
"""
# The first form kept only the end of each chain; who was merged into whom, and who was moved by that, is in its log.
_FROM_FIRST = f"""
ALTER TABLE aliases RENAME TO first_aliases;
CREATE TABLE aliases (person_id TEXT PRIMARY KEY, into_id TEXT NOT NULL, current_id TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO aliases SELECT a.person_id, coalesce(
        (SELECT l.person_id FROM log l WHERE l.action = 'merge' AND l.other_id = a.person_id ORDER BY l.seq DESC LIMIT 1),
        a.current_id), a.current_id
    FROM first_aliases a;
DROP TABLE first_aliases;
ALTER TABLE state ADD COLUMN parameters TEXT;
ALTER TABLE members ADD COLUMN origin_id TEXT;
UPDATE members SET origin_id = moved.other_id FROM (
    SELECT l.kind, l.id, l.other_id, min(l.seq)
    FROM log l JOIN aliases a ON a.person_id = l.other_id
    JOIN members m ON m.kind = l.kind AND m.id = l.id AND m.person_id = a.current_id
    WHERE l.action = 'move' GROUP BY l.kind, l.id
) AS moved WHERE moved.kind = members.kind AND moved.id = members.id;
{_ASSERTIONS}
{_FORMER}
PRAGMA user_version = {_VERSION};
"""
_FROM_SECOND = f"""
{_FORMER}
DROP INDEX IF EXISTS log_moves;
PRAGMA user_version = {_VERSION};
"""
# Made after the first bulk load, when sorting once is cheaper than keeping order row by row.
_INDEXES = (
    "CREATE UNIQUE INDEX IF NOT EXISTS persons_id ON persons (person_id)",
    "CREATE INDEX IF NOT EXISTS members_person ON members (person_id)",
    "CREATE INDEX IF NOT EXISTS aliases_current ON aliases (current_id)",
    "CREATE INDEX IF NOT EXISTS aliases_into ON aliases (into_id)",
)


class IdentityDatabase:
    """The open database. Use as a context manager; reading works while another process writes."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Open the database in `folder`; with `create` it is made, or brought up to date, by whoever holds the home's writer
        lock. Raises HomeNotWritable, HomeError; FileNotFoundError with `create=False`."""
        self._folder = folder
        path = folder / "identity.sqlite"
        if not create and not path.exists():
            raise FileNotFoundError(path)
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
            if create:
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA cache_size = -65536")  # 64 MiB: the upper levels of a large index
                self._prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; may be called twice."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen together or, when the block or the process ends before its end, not at all."""
        with self._translated():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._translated():
            return self._database.execute(query, values).fetchall()

    def pairs(self, query: str, *values: Any) -> list[tuple[str, str]]:
        """All rows of a query for two texts."""
        return self.rows(query, *values)

    def one(self, query: str, *values: Any) -> Any:
        """The first value of a query's first row, or None."""
        with self._translated():
            row = self._database.execute(query, values).fetchone()
        return None if row is None else row[0]

    def change(self, statement: str, *values: Any) -> int:
        """Run a statement; gives the number of the row it inserted, if it did."""
        with self._translated():
            return self._database.execute(statement, values).lastrowid or 0

    def change_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for every row."""
        with self._translated():
            self._database.executemany(statement, rows)

    def has_assertions(self) -> bool:
        """Whether the database has the tables of operator assertions; a reader may find one that no writer has opened since."""
        return int(self.one("PRAGMA user_version")) >= _WITH_ASSERTIONS

    def build_indexes(self) -> None:
        """Make the indexes that are not there yet."""
        for statement in _INDEXES:
            self.change(statement)

    def _prepare(self) -> None:
        """Make the tables, or those that an older version lacks; a kill leaves the old form or the new one."""
        version = int(self.one("PRAGMA user_version"))
        if version == _VERSION:
            return
        if version > _VERSION:
            raise HomeError(
                f"{self._folder / 'identity.sqlite'} was written by a newer version (form {version}, this one knows {_VERSION}); "
                "use that version"
            )
        empty = self.one("SELECT count(*) FROM sqlite_master") == 0
        older = _FROM_SECOND if version >= _WITH_ASSERTIONS else _FROM_FIRST
        self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA if empty else older} COMMIT;")
        if not empty:
            with self.transaction():
                self.build_indexes()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise HomeNotWritable(self._folder, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise HomeError(
                f"{self._folder / 'identity.sqlite'} is damaged ({error}); restore it from a backup, "
                "since person ids cannot be made again"
            ) from error
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not self._folder.exists():
                raise
            raise HomeNotWritable(self._folder, error.strerror or str(error)) from error
