"""Bots among devices and accounts: by a crawler's user agent, by a rate that no hand reaches, by the evenness of a clock.

In: the temporary table `touches` and the views `events` and `devices`. Out: the temporary table `classes` (kind, id, class,
reason) with the bots. A reader's pauses vary about as much as they last, or more (a Poisson process has a coefficient of
variation of 1, and page reading times have heavier tails; Liu, White and Dumais, SIGIR 2010); a program's hardly vary. Who
opens one different page after the other for minutes, evenly, is a program. A player that reports every ten seconds is even
too, but reports one content; ratings that are sent page by page have many events in one second and are not even.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from graph.resolve.rules import Database, make

__all__ = ["BY_AGENT", "BotLimits", "find_bots", "find_crawlers"]


@dataclass(frozen=True)
class BotLimits:
    """From when on somebody is no person."""

    bot_event_share: float = 0.5
    """Share of a subject's events with a crawler's user agent."""
    events_per_hour: int = 3_000
    """Different seconds of one hour with an event (many events of one instant, as in undated imports, count once)."""
    even_pages: int = 60
    """Different pages in ten minutes, from which evenness is looked at: one in ten seconds, and enough to measure it."""
    even_variation: float = 0.5
    """Coefficient of variation of the pauses between those pages, under which they are a program's."""


BY_AGENT = "most events have the user agent of a crawler"
"""Reason of bots that can be told from counts alone."""

_FLAGGED = f"""
WITH flags AS (
    SELECT 'device' AS kind, device_id AS id, sum(count) AS events, sum(bot_count) AS bot_events
    FROM touches WHERE device_id IS NOT NULL GROUP BY device_id
    UNION ALL
    SELECT 'account', account_id, sum(count), sum(bot_count) FROM touches WHERE account_id IS NOT NULL GROUP BY account_id
)
SELECT kind, id, 'bot' AS class, '{BY_AGENT}' AS reason
FROM flags WHERE bot_events >= $share * events AND bot_events > 0
UNION
SELECT 'device', device_id, 'bot', '{BY_AGENT}'
FROM devices WHERE bot
"""

# Only subjects with enough events are looked at, so that the events are read again only where there are such subjects.
_BUSY = """
SELECT count(*) FROM (SELECT 1 FROM touches WHERE {kind}_id IS NOT NULL
    AND {kind}_id NOT IN (SELECT id FROM classes WHERE kind = '{kind}') GROUP BY {kind}_id HAVING sum(count) > $limit)
"""

_OF_THE_BUSY = """
{kind}_id IN (SELECT {kind}_id FROM touches WHERE {kind}_id IS NOT NULL GROUP BY {kind}_id HAVING sum(count) > $limit)
AND {kind}_id NOT IN (SELECT id FROM classes WHERE kind = '{kind}')
"""

_INHUMAN = f"""
INSERT INTO classes
WITH moments AS (
    SELECT {{kind}}_id AS id, epoch_us("at") // 1000000 AS second FROM events WHERE {_OF_THE_BUSY}
)
SELECT DISTINCT '{{kind}}', id, 'bot', 'events in more than ' || $limit || ' seconds of one hour' FROM (
    SELECT id, second // 3600 AS hour FROM moments GROUP BY id, hour HAVING count(DISTINCT second) > $limit)
"""

# Slots begin every five minutes and last ten, so that five minutes of evenness are never cut below `even_pages` by a boundary.
_EVEN = f"""
INSERT INTO classes
WITH moments AS (
    SELECT {{kind}}_id AS id, epoch_us("at") AS moment, coalesce(content_id, url) AS page,
           moment - lag(moment) OVER (PARTITION BY {{kind}}_id ORDER BY moment) AS pause
    FROM events WHERE {_OF_THE_BUSY}
), slots AS (
    SELECT id, moment // 300000000 - shift AS slot, page, CASE WHEN pause < 300000000 THEN pause END AS pause
    FROM moments, (VALUES (0), (1)) s(shift)
), even AS (
    SELECT id, avg(pause) / 1000000 AS every FROM slots GROUP BY id, slot
    HAVING count(DISTINCT page) > $limit AND stddev_samp(pause) < $variation * avg(pause) AND count(pause) >= $limit
)
SELECT '{{kind}}', id, 'bot', 'a different page every ' || round(min(every), 1) || ' seconds for minutes, as even as a clock'
FROM even GROUP BY id
"""


def find_crawlers(connection: Database, limits: BotLimits) -> None:
    """Make `classes` with the bots that their user agent tells alone, which needs no events."""
    make(connection, "classes", _FLAGGED, {"share": limits.bot_event_share})


def find_bots(connection: duckdb.DuckDBPyConnection, limits: BotLimits) -> None:
    """Make `classes`."""
    find_crawlers(connection, limits)
    for kind in ("device", "account"):
        rate, even = {"limit": limits.events_per_hour}, {"limit": limits.even_pages}
        if connection.execute(_BUSY.format(kind=kind), rate).fetchall() != [(0,)]:
            connection.execute(_INHUMAN.format(kind=kind), rate)
        if connection.execute(_BUSY.format(kind=kind), even).fetchall() != [(0,)]:
            connection.execute(_EVEN.format(kind=kind), {**even, "variation": limits.even_variation})
