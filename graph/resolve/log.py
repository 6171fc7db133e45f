"""The identity log: who is which person now, which ids are retired, and every change that led there.

One database, `identity.sqlite` (`log_database` lists its tables), changed by one transaction per run or operator command. Rows of
the log are only ever added, with their cause:

create   a new person
merge    person_id took in other_id, which is retired and an alias now
split    person_id, a new id, was made of members of other_id
revive   person_id, retired before, has its members again; other_id had them
redirect the retired id other_id leads to person_id now, which has most of its members
join     kind, id is new in the lake and became a member of a person that was there
move     kind, id became a member of person_id and was one of other_id
leave    kind, id is no longer in the lake
retire   no member of person_id is left in the lake
assert   an operator said something about kind, id (see `log_assertions`); person_id and other_id are the two sides' persons
revoke   an operator took that back

`at` is the as-of time of the run's input, or the time an operator command was given; no clock is read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

from graph.resolve.changes import Former, Retired
from graph.resolve.log_database import IdentityDatabase

__all__ = ["IdentityLog", "LogEntry"]

_LARGEST = 2**63 - 1  # of SQLite's integers


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


class IdentityLog(IdentityDatabase):
    """The log of one home. Use as a context manager; reading works while another process writes."""

    # -- reading ---------------------------------------------------------------------------------------------------------

    def state(self) -> tuple[int, str | None]:
        """Number of the last run and the folder of its tables; (0, None) before the first."""
        ((run, version),) = self.rows("SELECT run, version FROM state")
        return int(run), version

    def parameters(self) -> str | None:
        """The folder of the fitted parameters; None before the first fit."""
        if not self.has_assertions():  # a database of the first form, which no writer has opened since
            return None
        found: str | None = self.one("SELECT parameters FROM state")
        return found

    def members(self) -> tuple[list[str], list[str], list[str]]:
        """Kinds, ids and person ids of all members, in order of (kind, id)."""
        rows = self.rows("SELECT kind, id, person_id FROM members ORDER BY kind, id")
        if not rows:
            return [], [], []
        kinds, ids, persons = zip(*rows, strict=True)
        return list(kinds), list(ids), list(persons)

    def members_among(self, kinds: Sequence[str], ids: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
        """The same of these subjects, in their order, without those that are no members; one look-up each."""
        found = [(k, i, p) for k, i in zip(kinds, ids, strict=True) if (p := self.person_of(k, i)) is not None]
        return [k for k, _, _ in found], [i for _, i, _ in found], [p for _, _, p in found]

    def person_of(self, kind: str, id_: str) -> str | None:
        """The person that a device or account belongs to."""
        found: str | None = self.one("SELECT person_id FROM members WHERE kind = ? AND id = ?", kind, id_)
        return found

    def members_of(self, person_id: str) -> list[tuple[str, str]]:
        """(kind, id) of a living person's members, in order."""
        return self.pairs("SELECT kind, id FROM members WHERE person_id = ? ORDER BY kind, id", person_id)

    def current(self, person_id: str) -> str | None:
        """The living person behind an id, itself or by alias; None for an id never given or without members left."""
        alive: str | None = self.one("SELECT person_id FROM persons WHERE person_id = ? AND retired_run IS NULL", person_id)
        return alive or self.one("SELECT current_id FROM aliases WHERE person_id = ?", person_id)

    def ever_given(self, person_id: str) -> bool:
        """Whether this id is or was a person's."""
        return self.one("SELECT person_id FROM persons WHERE person_id = ?", person_id) is not None

    def created_runs(self, person_ids: Sequence[str]) -> list[int]:
        """The run that made each of these persons."""
        return [int(self.one("SELECT created_run FROM persons WHERE person_id = ?", p)) for p in person_ids]

    def aliases(self) -> dict[str, str]:
        """Retired id to living person."""
        return dict(self.pairs("SELECT person_id, current_id FROM aliases ORDER BY person_id"))

    def retired_into(self, person_id: str) -> list[Retired]:
        """The retired persons under a living one, directly or under others, in order of id."""
        found = self.rows(
            "SELECT a.person_id, a.into_id, p.created_run, p.retired_run FROM aliases a JOIN persons p USING (person_id) "
            "WHERE a.current_id = ? ORDER BY a.person_id",
            person_id,
        )
        return [Retired(*row) for row in found]

    def origins(self, person_id: str) -> list[tuple[str, str, str]]:
        """Kind, id and origin of a living person's members whose origin is a retired person."""
        return [
            (kind, id_, origin)
            for kind, id_, origin in self.rows(
                "SELECT kind, id, origin_id FROM members WHERE person_id = ? AND origin_id IS NOT NULL", person_id
            )
        ]

    def former(self, shape: bytes) -> Former | None:
        """The person that last had exactly the members of this hash."""
        found = self.rows("SELECT person_id, run, retired, origins FROM former WHERE shape = ?", shape)
        if not found:
            return None
        person_id, run, retired, origins = found[0]
        members = {(kind, id_): origin for kind, id_, origin in json.loads(origins)}
        return Former(shape, person_id, run, tuple(json.loads(retired)), members)

    def entries(self, actions: Iterable[str] = (), *, person_id: str | None = None, limit: int = 100) -> list[LogEntry]:
        """The newest log entries first; of these actions, or of all; of one person, or of all."""
        wanted = tuple(actions)
        conditions = [f"action IN ({', '.join('?' * len(wanted))})"] if wanted else []
        conditions += ["(person_id = ? OR other_id = ?)"] if person_id is not None else []
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        values = [*wanted, *([person_id] * 2 if person_id is not None else []), min(limit, _LARGEST)]
        return [LogEntry(*row) for row in self.rows(f"SELECT * FROM log {where} ORDER BY seq DESC LIMIT ?", *values)]

    def entry(self, seq: int) -> LogEntry | None:
        """One row of the log."""
        found = self.rows("SELECT * FROM log WHERE seq = ?", seq) if 0 < seq <= _LARGEST else []
        return LogEntry(*found[0]) if found else None

    # -- writing, inside a transaction ---------------------------------------------------------------------------------------

    def start_run(self) -> int:
        """Count a new run; returns its number."""
        self.change("UPDATE state SET run = run + 1")
        return self.state()[0]

    def set_version(self, version: str, parameters: str | None = None) -> None:
        """Name the folders of the derived tables and of the fitted parameters that belong to the state."""
        self.change("UPDATE state SET version = ?, parameters = ?", version, parameters)

    def add_persons(self, run: int, persons: Iterable[tuple[str, str, str]]) -> None:
        """Persons made by this run: (person_id, kind and id of the anchor)."""
        self.change_many(f"INSERT INTO persons VALUES (?, ?, ?, {int(run)}, NULL)", persons)

    def put_members(self, run: int, kinds: Iterable[str], ids: Iterable[str], persons: Iterable[str]) -> None:
        """Insert members or change their person; fastest in order of (kind, id)."""
        self.change_many(
            "INSERT INTO members VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET person_id = excluded.person_id",
            zip(kinds, ids, persons, repeat(run)),
        )

    def put_origins(self, origins: Iterable[tuple[str | None, str, str]]) -> None:
        """Change origins of members: (origin or None for the member's own person, kind, id)."""
        self.change_many("UPDATE members SET origin_id = ? WHERE kind = ? AND id = ?", origins)

    def put_former(self, run: int, persons: Iterable[Former]) -> None:
        """Write down what persons were before this run changed them."""
        self.change_many(
            f"INSERT OR REPLACE INTO former VALUES (?, ?, {int(run)}, ?, ?)",
            (
                (
                    p.shape,
                    p.person_id,
                    json.dumps(p.retired),
                    json.dumps([(k, i, origin) for (k, i), origin in p.origins.items()]),
                )
                for p in persons
            ),
        )

    def remove_members(self, members: Iterable[tuple[str, str]]) -> None:
        """Forget members that the lake no longer has."""
        self.change_many("DELETE FROM members WHERE kind = ? AND id = ?", members)

    def retire(self, run: int, person_id: str, survivor: str | None) -> None:
        """Retire a living person; its id, and those that lead to it, lead to the living survivor, if there is one."""
        self.change("UPDATE persons SET retired_run = ? WHERE person_id = ?", run, person_id)
        if survivor is None:
            self.change("DELETE FROM aliases WHERE current_id = ?", person_id)
        else:
            self.change("UPDATE aliases SET current_id = ? WHERE current_id = ?", survivor, person_id)
            self.change("INSERT INTO aliases VALUES (?, ?, ?)", person_id, survivor, survivor)

    def revive(self, person_id: str) -> None:
        """A retired person lives again; the ids that were merged into it lead to it again."""
        self._lead(person_id, person_id)
        self.change("DELETE FROM aliases WHERE person_id = ?", person_id)
        self.change("UPDATE persons SET retired_run = NULL WHERE person_id = ?", person_id)

    def redirect(self, person_id: str, living: str) -> None:
        """A retired id, and those that were merged into it, lead to this living person."""
        self._lead(person_id, living)
        self.change("UPDATE aliases SET into_id = ? WHERE person_id = ?", living, person_id)

    def append(
        self,
        run: int,
        at: str | None,
        action: str,
        entries: Iterable[tuple[str, str | None, str | None, str | None, str]],
    ) -> None:
        """Add log rows of one action: (person_id, other_id, kind, id, cause)."""
        self.change_many(
            "INSERT INTO log (run, at, action, person_id, other_id, kind, id, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((run, at, action, *entry) for entry in entries),
        )

    def _lead(self, person_id: str, living: str) -> None:
        """Make a retired id and all that were merged into it lead to a living person."""
        self.change(
            "WITH RECURSIVE below (id) AS (SELECT ? UNION SELECT person_id FROM aliases JOIN below ON into_id = below.id) "
            "UPDATE aliases SET current_id = ? WHERE person_id IN (SELECT id FROM below)",
            person_id,
            living,
        )
