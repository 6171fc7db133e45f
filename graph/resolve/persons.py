"""Between clusters and the identity log: the earlier persons in terms of this run's subjects, and the changes written down.

In: the temporary tables `subjects` and `evidence`, the log, the clusters. Out: `Persons`, then, inside the log's transaction,
its rows. The cause of a merge is the rule of the strongest evidence that joins the two; that of a split or revival the rule that
speaks most against the part's being one with those it was with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graph.resolve.changes import Changes
from graph.resolve.lifecycle import plan
from graph.resolve.log import IdentityLog
from graph.resolve.rules import Database, numbers

__all__ = ["Persons", "assign_persons", "record"]

Integers = npt.NDArray[np.int64]

_APART = "nothing joins the parts any more"


@dataclass(frozen=True)
class Persons:
    """`ids`: person id per subject number. The rest is what `record` writes."""

    ids: pa.Array
    kinds: list[str]
    subject_ids: list[str]
    changes: Changes
    earlier: Integers
    gone: list[tuple[str, str, str]]
    """Kind, id and person of members that the lake no longer has."""
    causes: dict[str, str]
    """Cause of each merge by the retired id, of each split and revival by the person it made."""
    as_of: str | None
    """Time of the latest event, ISO 8601."""


def assign_persons(connection: Database, log: IdentityLog, anchor: Integers, *, whole: bool = True) -> Persons:
    """Give every cluster its person id; changes nothing yet.

    `whole`: `subjects` are all of the lake, and members that are not among them have left it. Otherwise they are some, with all
    members of every person that one of them has.
    """
    subjects = numbers(connection, "SELECT kind, id FROM subjects ORDER BY number")
    kinds, ids = subjects["kind"].tolist(), subjects["id"].tolist()
    known = log.members() if whole else log.members_among(kinds, ids)
    earlier, earlier_ids, gone = _earlier(connection, known, len(anchor))
    taken = log.ever_given if log.state()[0] else _never
    changes = plan(anchor, earlier, earlier_ids, lambda n: (kinds[n], ids[n]), taken, log)
    roots = np.fromiter(changes.person_of_cluster, np.int64, len(changes.person_of_cluster))
    names = pa.array(list(changes.person_of_cluster.values()), pa.string())
    latest = connection.execute("SELECT max(epoch_us(last_seen)) FROM touches").fetchall()[0][0]
    return Persons(
        names.take(pa.array(np.searchsorted(roots, anchor))),
        kinds,
        ids,
        changes,
        earlier,
        gone,
        _causes(connection, changes, anchor, earlier, earlier_ids) | _parting_causes(connection, changes, anchor, earlier),
        None if latest is None else str(np.datetime64(latest, "us")) + "Z",
    )


def record(log: IdentityLog, persons: Persons) -> None:
    """Write the changes; call it inside the log's transaction."""
    changes, kinds, ids, at = persons.changes, persons.kinds, persons.subject_ids, persons.as_of
    run = log.start_run()
    created = changes.created
    log.add_persons(run, ((changes.person_of_cluster[n], kinds[n], ids[n]) for n in created))
    split = {s.person_id for s in changes.splits}
    fresh = [changes.person_of_cluster[n] for n in created if changes.person_of_cluster[n] not in split]
    log.append(run, at, "create", ((p, None, None, None, "new in the lake") for p in fresh))
    for action, parts in (("split", changes.splits), ("revive", changes.revived)):
        log.append(run, at, action, ((p.person_id, p.parent, None, None, persons.causes.get(p.person_id, _APART)) for p in parts))
    log.append(
        run, at, "merge", ((m.survivor, m.retired, None, None, persons.causes.get(m.retired, "moved")) for m in changes.merges)
    )

    changed = np.flatnonzero(persons.earlier < 0).tolist()
    moved = [node for node, _ in changes.moved]
    numbers = sorted({*changed, *moved}) if moved else changed
    owner = persons.ids.take(pa.array(numbers, pa.int64())).to_pylist()
    log.put_members(run, (kinds[n] for n in numbers), (ids[n] for n in numbers), owner)
    log.put_origins((origin, kinds[n], ids[n]) for n, origin in changes.origins)
    log.put_former(run, changes.former)
    person_of = dict(zip(numbers, owner, strict=True)) if moved or changes.joined else {}
    log.append(run, at, "join", ((person_of[n], None, kinds[n], ids[n], "new in the lake") for n in changes.joined))
    log.append(run, at, "move", ((person_of[n], old, kinds[n], ids[n], "merge or split") for n, old in changes.moved))

    log.append(run, at, "leave", ((person, None, kind, id_, "no longer in the lake") for kind, id_, person in persons.gone))
    log.remove_members((kind, id_) for kind, id_, _ in persons.gone)
    log.append(run, at, "retire", ((p, None, None, None, "no members left") for p in changes.emptied))
    log.append(
        run, at, "redirect", ((r.living, r.retired, None, None, "most of its members are there") for r in changes.redirected)
    )
    for part in changes.revived:
        log.revive(part.person_id)
    for redirect in changes.redirected:
        log.redirect(redirect.retired, redirect.living)
    for merge in changes.merges:
        log.retire(run, merge.retired, merge.survivor)
    for person_id in changes.emptied:
        log.retire(run, person_id, None)
    log.build_indexes()


def _never(_: str) -> bool:
    return False


def _earlier(
    connection: Database, known: tuple[list[str], list[str], list[str]], nodes: int
) -> tuple[Integers, list[str], list[tuple[str, str, str]]]:
    """Per node the index of its earlier person, -1 for none; those persons, sorted; members that are gone."""
    kinds, ids, persons = known
    earlier = np.full(nodes, -1, np.int64)
    if not kinds:
        return earlier, [], []
    text = pa.string()
    members = pa.table({"kind": pa.array(kinds, text), "id": pa.array(ids, text), "person_id": pa.array(persons, text)})
    connection.register("earlier_members", members)
    found = numbers(
        connection,
        """
        SELECT coalesce(number, -1) AS number, kind, id, person_id FROM earlier_members LEFT JOIN subjects USING (kind, id)
        ORDER BY kind, id
        """,
    )
    connection.unregister("earlier_members")
    earlier_ids = sorted(set(persons))
    number = found["number"].astype(np.int64)
    there, gone = np.flatnonzero(number >= 0), np.flatnonzero(number < 0)
    code = pc.index_in(pa.array(found["person_id"][there], text), pa.array(earlier_ids, text))
    earlier[number[there]] = code.to_numpy()
    left = zip(*(found[column][gone].tolist() for column in ("kind", "id", "person_id")), strict=True)
    return earlier, earlier_ids, list(left)


def _causes(
    connection: Database, changes: Changes, anchor: Integers, earlier: Integers, earlier_ids: list[str]
) -> dict[str, str]:
    """Rule of the strongest evidence between a merged person's members and the others of its cluster."""
    if not changes.merges:
        return {}
    merging = np.isin(anchor, anchor[[node for node, _ in changes.moved]])
    nodes = np.flatnonzero(merging)
    connection.register("merging", pa.table({"number": nodes, "root": anchor[nodes], "person": earlier[nodes]}))
    rows = connection.execute(
        """
        WITH ends AS (
            SELECT left_number AS a, right_number AS b, method, weight FROM evidence
            UNION ALL SELECT right_number, left_number, method, weight FROM evidence
        ), ranked AS (
            SELECT x.person, method, row_number() OVER (PARTITION BY x.person ORDER BY weight DESC, method DESC) AS place
            FROM ends JOIN merging x ON x.number = a JOIN merging y ON y.number = b
            WHERE x.root = y.root AND x.person <> y.person AND x.person >= 0 AND weight > 0
        )
        SELECT person, method FROM ranked WHERE place = 1
        """
    ).fetchall()
    connection.unregister("merging")
    return {earlier_ids[person]: method for person, method in rows}


def _parting_causes(connection: Database, changes: Changes, anchor: Integers, earlier: Integers) -> dict[str, str]:
    """For each split or revived person the rule that speaks most against its being one with those it was with before."""
    parted = {part.person_id for part in (*changes.splits, *changes.revived)}
    roots = {root: name for root, name in changes.person_of_cluster.items() if name in parted}
    if not roots:
        return {}
    leaving = np.isin(anchor, np.fromiter(roots, np.int64, len(roots))) & (earlier >= 0)
    nodes = np.flatnonzero(np.isin(earlier, np.unique(earlier[leaving])))
    connection.register("parting", pa.table({"number": nodes, "root": anchor[nodes], "person": earlier[nodes]}))
    rows = connection.execute(
        """
        WITH ends AS (
            SELECT left_number AS a, right_number AS b, method, weight FROM evidence WHERE weight < 0
            UNION ALL SELECT right_number, left_number, method, weight FROM evidence WHERE weight < 0
        ), ranked AS (
            SELECT x.root, method, row_number() OVER (PARTITION BY x.root ORDER BY weight, method) AS place
            FROM ends JOIN parting x ON x.number = a JOIN parting y ON y.number = b
            WHERE x.root <> y.root AND x.person = y.person
        )
        SELECT root, method FROM ranked WHERE place = 1
        """
    ).fetchall()
    connection.unregister("parting")
    return {roots[root]: method for root, method in rows if root in roots}
