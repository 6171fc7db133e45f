"""An identity log and the temporary tables that person ids are found from, without the steps before: clusters or evidence are
given as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graph.database import connect
from graph.resolve.assertions import add_evidence
from graph.resolve.changes import Changes
from graph.resolve.cluster import cluster
from graph.resolve.contraction import ClusterRules
from graph.resolve.log import IdentityLog
from graph.resolve.persons import assign_persons, record

AT = datetime(2026, 3, 1, tzinfo=UTC)
Subject = tuple[str, str]

_TABLES = """
CREATE OR REPLACE TEMP TABLE touches (last_seen TIMESTAMPTZ);
CREATE OR REPLACE TEMP TABLE classes (kind VARCHAR, id VARCHAR, class VARCHAR, reason VARCHAR);
CREATE OR REPLACE TEMP TABLE evidence (left_number BIGINT, right_number BIGINT, method VARCHAR, weight DOUBLE,
    sources VARCHAR[], first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ);
"""


class World:
    """The identity log in a folder, and runs over it."""

    def __init__(self, folder: Path) -> None:
        self.log = IdentityLog(folder)
        self.log.change("PRAGMA synchronous = OFF")  # these tests end no process
        self._connection = connect(threads="1")

    def close(self) -> None:
        """Close log and connection."""
        self.log.close()
        self._connection.close()

    def run(self, clusters: Iterable[Iterable[Subject]], *, whole: bool = True) -> Changes:
        """A run that finds these clusters, of the whole lake or of a part of it."""
        group = {subject: number for number, of in enumerate(clusters) for subject in of}
        subjects = self._begin(group)
        first: dict[int, int] = {}
        return self._end(np.array([first.setdefault(group[s], n) for n, s in enumerate(subjects)], np.int64), whole=whole)

    def resolve(
        self, subjects: Iterable[Subject], weights: Mapping[tuple[Subject, Subject], float], shared: Iterable[Subject] = ()
    ) -> Changes:
        """A run that finds this evidence and clusters by it and by the standing assertions."""
        numbers = {subject: n for n, subject in enumerate(self._begin(subjects))}
        rows = [(numbers[a], numbers[b], weight) for (a, b), weight in weights.items() if a in numbers and b in numbers]
        for left, right, weight in rows:
            self._connection.execute("INSERT INTO evidence VALUES (?, ?, 'test', ?, [], NULL, NULL)", [left, right, weight])
        for kind, id_ in shared:
            self._connection.execute("INSERT INTO classes VALUES (?, ?, 'shared', 'test')", [kind, id_])
        add_evidence(self._connection, self.log)
        found = self._connection.sql("SELECT left_number, right_number, weight FROM evidence").to_arrow_table()
        columns = [found[name].to_numpy() for name in found.column_names]
        accounts = np.array([kind == "account" for kind, _ in numbers], bool)
        return self._end(cluster(accounts, columns[0], columns[1], columns[2], ClusterRules()).anchor)

    def evidence(self) -> list[dict[str, Any]]:
        """The rows of evidence of the last run."""
        query = "SELECT left_number, right_number, method, weight, sources, epoch(first_seen) AS said FROM evidence ORDER BY ALL"
        return list(self._connection.sql(query).to_arrow_table().to_pylist())

    def persons(self) -> dict[str, set[Subject]]:
        """The living persons and their members."""
        found: dict[str, set[Subject]] = {}
        for kind, id_, person in zip(*self.log.members(), strict=True):
            found.setdefault(person, set()).add((kind, id_))
        return found

    def person(self, subject: Subject) -> str | None:
        """The person of a subject."""
        return self.log.person_of(*subject)

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that says who is who, the log and the number of the run aside."""
        return {name: self.log.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("members", "persons", "aliases")}

    def _begin(self, subjects: Iterable[Subject]) -> list[Subject]:
        ordered = sorted(subjects)
        self._connection.execute(_TABLES)
        columns = {"kind": [k for k, _ in ordered], "id": [i for _, i in ordered]}
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        self._connection.register("given", table.append_column("number", pa.array(range(len(ordered)), pa.int64())))
        self._connection.execute("CREATE OR REPLACE TEMP TABLE subjects AS SELECT * FROM given")
        self._connection.unregister("given")
        return ordered

    def _end(self, anchor: np.ndarray[Any, np.dtype[np.int64]], *, whole: bool = True) -> Changes:
        persons = assign_persons(self._connection, self.log, anchor, whole=whole)
        with self.log.transaction():
            record(self.log, persons)
        return persons.changes


def account(name: str) -> Subject:
    """An account."""
    return ("account", name)


def check_forest(log: IdentityLog) -> None:
    """The promises about ids: no chain leads back to itself, every retired id leads to a living person or nowhere, every origin
    lies under the member's person, and every member is one of a living person."""
    into = dict(log.pairs("SELECT person_id, into_id FROM aliases"))
    living = {p for (p,) in log.rows("SELECT person_id FROM persons WHERE retired_run IS NULL")}
    assert living == {p for (p,) in log.rows("SELECT DISTINCT person_id FROM members")}
    assert not living & set(into)
    for retired, current in log.aliases().items():
        name, steps = retired, 0
        while name in into:
            name, steps = into[name], steps + 1
            assert steps <= len(into), f"{retired} leads back to itself"
        assert name == current
        assert current in living
        assert log.current(retired) == current
    for person, origin in log.pairs("SELECT person_id, origin_id FROM members WHERE origin_id IS NOT NULL"):
        assert log.current(origin) == person != origin
