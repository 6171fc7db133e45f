"""How far changes reach in the key index: through links, and through evidence."""

from __future__ import annotations

from collections.abc import Iterable

from graph.resolve.guards import Limits
from graph.resolve.incremental.index import rows_for
from graph.resolve.log_database import IdentityDatabase

__all__ = ["around", "components_of", "pairs_within"]

_MILLION = 1_000_000
_PAIRS = """SELECT l, r FROM k_evidence WHERE {end} IN (?) GROUP BY l, r
    HAVING sum(CAST(round(weight * 1000000) AS INTEGER)) >= {least}"""
# A plus keeps SQLite from looking accounts up by kind, which would be all of them.
_ACCOUNTS = """SELECT l, r FROM k_evidence JOIN k_subject a ON a.s = l JOIN k_subject b ON b.s = r
    WHERE {end} IN (?) AND +a.kind = 'account' AND +b.kind = 'account' GROUP BY l, r
    HAVING sum(CAST(round(weight * 1000000) AS INTEGER)) >= {least}"""


def around(database: IdentityDatabase, start: Iterable[int], steps: int, limits: Limits, join_log2_odds: float) -> set[int]:
    """Subjects within that many steps of some, themselves included.

    A step goes from a subject to all with which it has a sign-in, an alias or an identifier in common, and to the accounts that
    evidence between accounts joins to those. Beyond hubs, which are shared or generic by their degree alone, nothing is reached.
    """
    reached = _follow(database, start, _ACCOUNTS, join_log2_odds)
    edge = reached
    for _ in range(steps):
        edge = _follow(database, _neighbours(database, edge, limits), _ACCOUNTS, join_log2_odds) - reached
        if not edge:
            break
        reached = reached | edge
    return reached


def components_of(database: IdentityDatabase, start: Iterable[int], join_log2_odds: float) -> set[int]:
    """All subjects that a chain of supporting pairs joins to one of these, themselves included."""
    return _follow(database, start, _PAIRS, join_log2_odds)


def pairs_within(database: IdentityDatabase, subjects: set[int]) -> list[tuple[int, int, float]]:
    """Every piece of evidence between two of these subjects: left, right, weight."""
    rows = rows_for(database, "SELECT l, r, weight FROM k_evidence WHERE l IN (?)", subjects)
    return [row for row in rows if row[1] in subjects]


def _follow(database: IdentityDatabase, start: Iterable[int], pairs: str, join_log2_odds: float) -> set[int]:
    least = round(join_log2_odds * _MILLION)
    reached = set(start)
    edge = set(reached)
    while edge:
        found = [p for end in ("l", "r") for p in rows_for(database, pairs.format(end=end, least=least), edge)]
        edge = {number for pair in found for number in pair} - reached
        reached |= edge
    return reached


def _neighbours(database: IdentityDatabase, edge: set[int], limits: Limits) -> set[int]:
    queries = (
        f"""SELECT a FROM k_signed_in WHERE d IN (SELECT d FROM k_signed_in WHERE d IN (?) GROUP BY d
            HAVING count(*) <= {limits.accounts_per_device})""",
        f"""SELECT d FROM k_signed_in WHERE a IN (SELECT a FROM k_signed_in WHERE a IN (?) GROUP BY a
            HAVING count(*) <= {limits.devices_per_account})""",
        f"""SELECT s FROM k_holder WHERE i IN (SELECT i FROM k_holder WHERE i IN (SELECT i FROM k_holder WHERE s IN (?))
            GROUP BY i HAVING count(*) <= {limits.most_holders})""",
        f"""SELECT r FROM k_alias WHERE l IN (SELECT l FROM k_alias WHERE l IN (?) GROUP BY l
            HAVING count(*) <= {limits.most_aliases})""",
        f"""SELECT l FROM k_alias WHERE r IN (SELECT r FROM k_alias WHERE r IN (?) GROUP BY r
            HAVING count(*) <= {limits.most_aliases})""",
    )
    return {number for query in queries for (number,) in rows_for(database, query, edge)}
