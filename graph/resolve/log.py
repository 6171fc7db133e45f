"""The identity log: who is which person now, which ids are retired, and every change that led there.

One SQLite database in WAL mode, `identity.sqlite`, changed by one transaction per run, so that a kill leaves the earlier or the
later state whole. Tables:

members   kind, id -> person_id, and the run that first saw the member: the key index, one look-up per subject
persons   every id ever given, with its anchor and the runs that made and retired it; an id is never given twice
aliases   retired id -> the person that has its members now (chains are kept short: always a living person)
log       append-only: create, merge (other = retired id), split (other = parent), join (a new member), move (a member, other =
          its earlier person), leave (a member that the lake no longer has), retire (a person without members); `at` is the as-of
          time of the run's input, never the wall clock. With `members` it says who was where after any run
state     the last run's number and the folder of its derived tables
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from graph.errors import HomeError, HomeNotWritable

__all__ = ["IdentityLog", "LogEntry"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS members (kind TEXT, id TEXT, person_id TEXT NOT NULL, since_run INTEGER NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS persons (person_id TEXT NOT NULL, anchor_kind TEXT NOT NULL, anchor_id TEXT NOT NULL,
    created_run INTEGER NOT NULL, retired_run INTEGER);
CREATE TABLE IF NOT EXISTS aliases (person_id TEXT PRIMARY KEY, current_id TEXT NOT NULL, run INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at TEXT, action TEXT NOT NULL,
    person_id TEXT NOT NULL, other_id TEXT, kind TEXT, id TEXT, cause TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (only INTEGER PRIMARY KEY CHECK (only = 1), run INTEGER NOT NULL, version TEXT);
INSERT OR IGNORE INTO state VALUES (1, 0, NULL);
"""
# Made after the first bulk load, when sorting once is cheaper than keeping order row by row.
_INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS persons_id ON persons (person_id);
CREATE INDEX IF NOT EXISTS members_person ON members (person_id);
CREATE INDEX IF NOT EXISTS aliases_current ON aliases (current_id);
"""


@dataclass(frozen=True)
class LogEntry:
    """One row of the log; `at` is ISO 8601 in UTC or None, `other_id`, `kind`, `id` as the action needs them."""

    seq: int
    run: int
    at: str | None
    action: str
    person_id: str
    other_id: str | None
    kind: str | None
    id: str | None
    cause: str


class IdentityLog:
    """The log of one home. Use as a context manager; reading works while another process writes."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Open the log in `folder`. Raises HomeNotWritable, HomeError; FileNotFoundError with `create=False`."""
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
                if self._database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def __enter__(self) -> IdentityLog:
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

    # -- reading ---------------------------------------------------------------------------------------------------------

    def state(self) -> tuple[int, str | None]:
        """Number of the last run and the folder of its tables; (0, None) before the first."""
        with self._translated():
            run, version = self._database.execute("SELECT run, version FROM state").fetchone()
        return int(run), version

    def members(self) -> tuple[list[str], list[str], list[str]]:
        """Kinds, ids and person ids of all members, in order of (kind, id)."""
        with self._translated():
            rows = self._database.execute("SELECT kind, id, person_id FROM members ORDER BY kind, id").fetchall()
        if not rows:
            return [], [], []
        kinds, ids, persons = zip(*rows, strict=True)
        return list(kinds), list(ids), list(persons)

    def person_of(self, kind: str, id_: str) -> str | None:
        """The person that a device or account belongs to."""
        return self._one("SELECT person_id FROM members WHERE kind = ? AND id = ?", kind, id_)

    def members_of(self, person_id: str) -> list[tuple[str, str]]:
        """(kind, id) of a living person's members, in order."""
        with self._translated():
            return self._database.execute(
                "SELECT kind, id FROM members WHERE person_id = ? ORDER BY kind, id", (person_id,)
            ).fetchall()

    def current(self, person_id: str) -> str | None:
        """The living person behind an id, itself or by alias; None for an id never given or without members left."""
        alive = self._one("SELECT person_id FROM persons WHERE person_id = ? AND retired_run IS NULL", person_id)
        return alive or self._one("SELECT current_id FROM aliases WHERE person_id = ?", person_id)

    def ever_given(self, person_id: str) -> bool:
        """Whether this id is or was a person's."""
        return self._one("SELECT person_id FROM persons WHERE person_id = ?", person_id) is not None

    def aliases(self) -> dict[str, str]:
        """Retired id to living person."""
        with self._translated():
            return dict(self._database.execute("SELECT person_id, current_id FROM aliases ORDER BY person_id").fetchall())

    def entries(self, actions: Iterable[str] = (), *, person_id: str | None = None, limit: int = 100) -> list[LogEntry]:
        """The newest log entries first; of these actions, or of all; of one person, or of all."""
        wanted = tuple(actions)
        conditions = [f"action IN ({', '.join('?' * len(wanted))})"] if wanted else []
        conditions += ["(person_id = ? OR other_id = ?)"] if person_id is not None else []
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        values = [*wanted, *([person_id] * 2 if person_id is not None else []), limit]
        with self._translated():
            rows = self._database.execute(f"SELECT * FROM log {where} ORDER BY seq DESC LIMIT ?", values).fetchall()
        return [LogEntry(*row) for row in rows]

    # -- writing, inside a transaction ---------------------------------------------------------------------------------------

    def start_run(self) -> int:
        """Count a new run; returns its number."""
        with self._translated():
            self._database.execute("UPDATE state SET run = run + 1")
        return self.state()[0]

    def set_version(self, version: str) -> None:
        """Name the folder of the derived tables that belong to the state."""
        self._database.execute("UPDATE state SET version = ?", (version,))

    def add_persons(self, run: int, persons: Iterable[tuple[str, str, str]]) -> None:
        """Persons made by this run: (person_id, kind and id of the anchor)."""
        self._database.executemany(
            f"INSERT INTO persons VALUES (?, ?, ?, {int(run)}, NULL)",
            persons,
        )

    def put_members(self, run: int, kinds: Iterable[str], ids: Iterable[str], persons: Iterable[str]) -> None:
        """Insert members or change their person; fastest in order of (kind, id)."""
        self._database.executemany(
            "INSERT INTO members VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET person_id = excluded.person_id",
            zip(kinds, ids, persons, repeat(run)),
        )

    def remove_members(self, members: Iterable[tuple[str, str]]) -> None:
        """Forget members that the lake no longer has."""
        self._database.executemany("DELETE FROM members WHERE kind = ? AND id = ?", members)

    def retire(self, run: int, person_id: str, survivor: str | None) -> None:
        """Retire a person; its id, and those that led to it, become aliases of the survivor, if there is one."""
        self._database.execute("UPDATE persons SET retired_run = ? WHERE person_id = ?", (run, person_id))
        if survivor is None:
            self._database.execute("DELETE FROM aliases WHERE current_id = ?", (person_id,))
        else:
            self._database.execute("UPDATE aliases SET current_id = ?, run = ? WHERE current_id = ?", (survivor, run, person_id))
            self._database.execute("INSERT INTO aliases VALUES (?, ?, ?)", (person_id, survivor, run))

    def append(
        self,
        run: int,
        at: str | None,
        action: str,
        entries: Iterable[tuple[str, str | None, str | None, str | None, str]],
    ) -> None:
        """Add log rows of one action: (person_id, other_id, kind, id, cause)."""
        self._database.executemany(
            "INSERT INTO log (run, at, action, person_id, other_id, kind, id, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((run, at, action, *entry) for entry in entries),
        )

    def build_indexes(self) -> None:
        """Make the indexes that are not there yet."""
        for statement in _INDEXES.strip().split("\n"):
            self._database.execute(statement)

    def _one(self, query: str, *values: str) -> str | None:
        with self._translated():
            row = self._database.execute(query, values).fetchone()
        return None if row is None else str(row[0])

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
