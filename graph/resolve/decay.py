"""Evidence loses weight with its age, and the time against which age is measured.

In: the temporary table `evidence` (method, weight, last_seen, …) and the as-of time. Out: the same table, each dated weight
times 2^-(age / half-life of its kind), and without the rows that have expired. Age is counted in whole periods of thirty days
between `last_seen` and the as-of time rounded up to the end of its period (periods from 1970 on): weights change only when
the as-of time enters a new period, so an incremental run inside one equals a full run. Evidence without a date does not
age; what is newer than the as-of time is of age 0; operators' assertions never age.

The default as-of time is that of the latest event, but for events that a wrong clock put into the future, which would
age everything else: one month or year ahead of all others must expire nothing. `find_as_of` takes the latest month that can
be trusted, by two rules on the number of events a month, and says what it left out:

thin      a month with fewer than one in a hundred of the events of a busy month (busy: half of all events lie in months with as
          many or more; unlike a median of months, that does not fall when many nearly empty months are added)
apart     what follows half a year without any event, if it is at most one event in a hundred of all, or three
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

import duckdb

from graph.resolve.rules import Database, make
from graph.tables import TIME

__all__ = ["AsOf", "Decay", "Month", "choose_as_of", "decay_evidence", "default_as_of", "find_as_of", "remaining"]

_THIN, _APART_SHARE, _APART_EVENTS, _APART_DAYS = 100, 100, 3, 180


@dataclass(frozen=True)
class Decay:
    """Half-lives in days. A sign-in of weight 6 joins (2 or more) for 1.6 half-lives, a number of weight 5 for 1.3."""

    sign_in_days: float = 730.0
    """So that a sign-in joins for three years, after which most devices have been replaced or given away."""
    network_days: float = 180.0
    """Home addresses are leased for months, and people move. Also for what else devices have in common by behaviour."""
    identifier_days: float = 1825.0
    """E-mail addresses and numbers are kept for many years; a number joins for six and a half."""
    alias_days: float = 1825.0
    """A site said that two ids are one, which stays true; but it may have said it of a device that was sold since."""
    expires_after_half_lives: float = 4.0
    """A sixteenth of the weight is left then: less than half a bit of what decides nothing by itself."""
    period_days: int = 30
    prefixes: tuple[tuple[str, str], ...] = (
        ("sign_in", "sign_in"),
        ("alias", "alias"),
        ("shared_network", "network"),
        ("behaviour", "network"),
        ("shared_", "identifier"),
    )
    """Beginning of a method's name, kind of evidence; the first that fits counts. Methods of no kind do not age: comparisons
    of records, and `asserted_…`."""

    def half_life_days(self, method: str) -> float | None:
        """Of the evidence of a rule; None for what does not age."""
        for prefix, kind in self.prefixes:
            if method.startswith(prefix):
                return float(getattr(self, f"{kind}_days"))
        return None


@dataclass(frozen=True)
class Month:
    """Events of one calendar month (UTC)."""

    events: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class AsOf:
    """`at`: None where there are no events. `ignored`: months after it, whose events are taken for a wrong clock's."""

    at: datetime | None
    ignored: tuple[Month, ...] = ()

    def __str__(self) -> str:
        if not self.ignored:
            return f"as of {self.at}"
        events, last = sum(m.events for m in self.ignored), self.ignored[-1].last
        return f"as of {self.at}; {events} later events, until {last}, are taken for a wrong clock's"


def remaining(decay: Decay, method: str, last_seen: datetime | None, as_of: datetime | None) -> float:
    """The part of a weight that is left, 0 to 1; 0 when it has expired."""
    half_life = decay.half_life_days(method)
    if half_life is None or last_seen is None or as_of is None:
        return 1.0
    period = timedelta(days=decay.period_days)
    start = datetime(1970, 1, 1, tzinfo=as_of.tzinfo)
    age = max((as_of - start) // period - (last_seen - start) // period, 0) * decay.period_days
    return float(0.0 if age > decay.expires_after_half_lives * half_life else 2 ** (-age / half_life))


# Each remainder is taken off before the division, so that periods are whole in a database that divides integers as reals.
_DECAY = """
WITH lives AS (
    SELECT *, CASE WHEN method IS NULL THEN NULL {half_lives} END AS half_life FROM evidence
), aged AS (
    SELECT *, CASE WHEN half_life IS NULL OR last_seen IS NULL THEN NULL
        ELSE greatest($now - (epoch_us(last_seen) - epoch_us(last_seen) % $period) / $period, 0) * $days END AS age
    FROM lives
)
SELECT left_number, right_number, method,
       CASE WHEN age IS NULL THEN weight ELSE weight * power(2, -age / half_life) END AS weight, sources, first_seen, last_seen
FROM aged WHERE age IS NULL OR age <= $expires * half_life
"""


def decay_evidence(connection: Database, decay: Decay, as_of: datetime | None) -> int:
    """Apply the age to `evidence`; returns the number of rows that expired. Use once: weights are replaced."""
    if as_of is None:
        return 0
    half_lives = " ".join(
        f"WHEN substr(method, 1, {len(prefix)}) = '{prefix}' THEN {decay.half_life_days(prefix)}" for prefix, _ in decay.prefixes
    )
    before = _rows(connection)
    make(
        connection,
        "decayed",
        _DECAY.format(half_lives=half_lives),
        {
            "now": (as_of - datetime(1970, 1, 1, tzinfo=as_of.tzinfo)) // timedelta(days=decay.period_days),
            "period": decay.period_days * 86_400_000_000,
            "days": decay.period_days,
            "expires": decay.expires_after_half_lives,
        },
    )
    connection.execute("DROP TABLE IF EXISTS temp.evidence")
    connection.execute("ALTER TABLE decayed RENAME TO evidence")
    return before - _rows(connection)


def _rows(connection: Database) -> int:
    return int(connection.execute("SELECT count(*) FROM evidence").fetchall()[0][0])


def choose_as_of(months: Sequence[Month]) -> AsOf:
    """The latest event of the latest month that can be trusted; `months` in order, none without events."""
    if not months:
        return AsOf(None)
    total, busy, seen = sum(m.events for m in months), 0, 0
    for events in sorted((m.events for m in months), reverse=True):
        busy, seen = events, seen + events
        if 2 * seen >= total:
            break
    kept = len(months)
    few = max(total // _APART_SHARE, _APART_EVENTS)
    after = total
    for i, (one, following) in enumerate(pairwise(months)):
        after -= one.events
        if following.first - one.last >= timedelta(days=_APART_DAYS) and after <= few and after < total - after:
            kept = i + 1
            break
    while kept > 1 and months[kept - 1].events < ceil(busy / _THIN):
        kept -= 1
    return AsOf(months[kept - 1].last, tuple(months[kept:]))


def find_as_of(connection: duckdb.DuckDBPyConnection) -> AsOf:
    """The default as-of time of a lake, from the view `events`."""
    rows = connection.sql(
        """
        SELECT count(*) AS events, min("at") AS first, max("at") AS last FROM events WHERE "at" IS NOT NULL
        GROUP BY date_trunc('month', "at") ORDER BY first
        """
    ).to_arrow_table()
    first, last = rows["first"].cast(TIME).to_pylist(), rows["last"].cast(TIME).to_pylist()
    return choose_as_of([Month(*m) for m in zip(rows["events"].to_pylist(), first, last, strict=True)])


def default_as_of(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """`find_as_of(connection).at`."""
    return find_as_of(connection).at
