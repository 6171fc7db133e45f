"""What a device did, as a few small tables: where it was and when, what it looked at, its week, what it is.

In: the views `events` and `devices` of a lake connection. Out: temporary tables, each a sum over a device's own events, so that
an index can keep them per device and add to them.

presence      device_id, network_id, slot, count: events by network and ten minutes; slot = minutes since 1970 // 10
visits        device_id, item, count: events by what was looked at; an item is a content id (`c:`), the host (`h:`) or the whole
              of a URL (`u:`), or a title (`t:`)
item_degrees  item, devices: devices that looked at it
activity      device_id, type, count: events by their type, such as page views and app starts; '' where there is none
rhythm        device_id, hour_of_week, count: events by local hour, 0 = Monday 0:00; UTC where no time zone is known
device_facts  device_id, kind, os, language, timezone: small letters, language without its region; the time zone is that of most
              events, else the device's own
"""

from __future__ import annotations

import duckdb

from graph.keyed import keyed_ids

__all__ = ["TEMPORARY", "build_profiles"]

TEMPORARY = ("presence", "visits", "item_degrees", "activity", "rhythm", "device_facts")

_PRESENCE = """
CREATE OR REPLACE TEMP TABLE presence AS
SELECT device_id, network_id, epoch_us("at") // 600000000 AS slot, count(*) AS count
FROM events JOIN hashed_networks USING (ip) WHERE device_id IS NOT NULL GROUP BY ALL
"""

_VISITS = """
CREATE OR REPLACE TEMP TABLE visits AS
WITH seen AS (
    SELECT device_id, content_id, url, title, count(*) AS events FROM events WHERE device_id IS NOT NULL GROUP BY ALL
), items AS (
    SELECT device_id, 'c:' || content_id AS item, events FROM seen
    UNION ALL SELECT device_id, 'h:' || regexp_extract(url, '^[a-z]+://([^/?#]+)', 1), events FROM seen WHERE url LIKE '%://%'
    UNION ALL SELECT device_id, 'u:' || url, events FROM seen
    UNION ALL SELECT device_id, 't:' || title, events FROM seen
)
SELECT device_id, item, sum(events)::BIGINT AS count FROM items WHERE item IS NOT NULL GROUP BY device_id, item
"""

_ITEM_DEGREES = "CREATE OR REPLACE TEMP TABLE item_degrees AS SELECT item, count(*) AS devices FROM visits GROUP BY item"

_ACTIVITY = """
CREATE OR REPLACE TEMP TABLE activity AS
SELECT device_id, coalesce(type, '') AS type, count(*) AS count FROM events
WHERE device_id IS NOT NULL AND (content_id IS NOT NULL OR url IS NOT NULL OR title IS NOT NULL) GROUP BY ALL
"""

_RHYTHM = """
CREATE OR REPLACE TEMP TABLE rhythm AS
WITH local_times AS (
    SELECT device_id, timezone(coalesce(e.timezone, d.timezone, 'UTC'), "at") AS local_time
    FROM events e LEFT JOIN devices d USING (device_id) WHERE device_id IS NOT NULL
)
SELECT device_id, (isodow(local_time) - 1) * 24 + hour(local_time) AS hour_of_week, count(*) AS count
FROM local_times GROUP BY ALL
"""

_FACTS = """
CREATE OR REPLACE TEMP TABLE device_facts AS
WITH zones AS (
    SELECT device_id, timezone, count(*) AS events FROM events WHERE device_id IS NOT NULL AND timezone IS NOT NULL GROUP BY ALL
), usual AS (
    SELECT device_id, arg_max(timezone, (events, timezone)) AS timezone FROM zones GROUP BY device_id
), known AS (
    SELECT device_id FROM devices UNION SELECT device_id FROM events WHERE device_id IS NOT NULL
)
SELECT device_id, lower(kind) AS kind, lower(os) AS os, lower(regexp_extract(language, '^[A-Za-z]+')) AS language,
       coalesce(u.timezone, d.timezone) AS timezone
FROM known LEFT JOIN devices d USING (device_id) LEFT JOIN usual u USING (device_id)
"""


def build_profiles(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Make the temporary tables above. `key` is the home's hashing key, under which networks have the ids of `links`."""
    networks = connection.sql("SELECT DISTINCT ip FROM events WHERE ip IS NOT NULL AND device_id IS NOT NULL").to_arrow_table()
    networks = networks.append_column("network_id", keyed_ids(networks["ip"], "ip", key))
    connection.register("hashed_networks", networks)
    connection.execute(_PRESENCE)
    connection.unregister("hashed_networks")
    for statement in (_VISITS, _ITEM_DEGREES, _ACTIVITY, _RHYTHM, _FACTS):
        connection.execute(statement)
