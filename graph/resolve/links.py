"""Who touches what: from the lake's views to subjects, sign-ins, identifiers and networks, in DuckDB.

In: a connection with a view for each input table (columns of `graph.tables.lake_schema`). Out: temporary tables on that
connection, which the later steps of this stage read; identifiers and networks appear in what leaves the stage only under
keyed hashes. Distinct values are hashed, not rows.

touches      device_id, account_id, ip, source, count, bot_count, first_seen, last_seen: events, grouped, read once
subjects     kind, id, number, since, last_seen: every device and account that any table names; `number` counts from zero
             in the order of (kind, id)
signed_in    device_id, account_id, count, first_seen, last_seen, sources
holders      kind, id, identifier_kind, value, identifier_id, sources: who has which e-mail, phone, advertising id
identifiers  identifier_id, identifier_kind, value, degree, holder_kinds
seen_on      device_id, network_id, count, first_seen, last_seen
networks     network_id, devices
aliases      left_kind, left_id, right_kind, right_id, first_seen, last_seen, sources: ends resolved to known subjects
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph.keyed import keyed_ids

__all__ = ["TEMPORARY", "build_links"]

TEMPORARY = (
    "touches",
    "subjects",
    "signed_in",
    "holders",
    "identifiers",
    "seen_on",
    "networks",
    "aliases",
)

_TOUCHES = """
CREATE OR REPLACE TEMP TABLE touches AS
SELECT device_id, account_id, ip, _source AS source, count(*) AS count, count_if(bot) AS bot_count,
       min("at") AS first_seen, max("at") AS last_seen
FROM events GROUP BY ALL
"""

# An alias end of unknown kind is a device when a device of that id is known from elsewhere, else an account.
_SUBJECTS = """
CREATE OR REPLACE TEMP TABLE subjects AS
WITH dated AS (
    SELECT 'device' AS kind, device_id AS id, first_seen AS since, last_seen FROM touches
    UNION ALL SELECT 'account', account_id, first_seen, last_seen FROM touches
    UNION ALL SELECT 'device', device_id, first_seen, NULL FROM devices
    UNION ALL SELECT 'account', account_id, created_at, NULL FROM accounts
    UNION ALL SELECT from_kind, from_id, NULL, NULL FROM relations WHERE from_kind IN ('device', 'account')
    UNION ALL SELECT to_kind, to_id, NULL, NULL FROM relations WHERE to_kind IN ('device', 'account')
    UNION ALL SELECT subject_kind, subject_id, NULL, NULL FROM labels WHERE subject_kind IN ('device', 'account')
    UNION ALL SELECT subject_kind, subject_id, NULL, NULL FROM consents WHERE subject_kind IN ('device', 'account')
), unknown AS (
    SELECT from_id AS id FROM relations WHERE from_kind = 'unknown' AND type = 'alias'
    UNION SELECT to_id FROM relations WHERE to_kind = 'unknown' AND type = 'alias'
), named AS (
    SELECT kind, id, since, last_seen FROM dated WHERE id IS NOT NULL
    UNION ALL SELECT 'account', id, NULL, NULL FROM unknown
    WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM dated WHERE kind = 'device' AND id IS NOT NULL)
), grouped AS (
    SELECT kind, id, min(since) AS since, max(last_seen) AS last_seen FROM named GROUP BY kind, id
)
SELECT kind, id, row_number() OVER (ORDER BY kind, id) - 1 AS number, since, last_seen FROM grouped ORDER BY kind, id
"""

_SIGNED_IN = """
CREATE OR REPLACE TEMP TABLE signed_in AS
SELECT device_id, account_id, sum(count)::BIGINT AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
       list_sort(list(DISTINCT source)) AS sources
FROM touches WHERE device_id IS NOT NULL AND account_id IS NOT NULL GROUP BY device_id, account_id
"""

_HELD = """
CREATE OR REPLACE TEMP TABLE held AS
SELECT 'account' AS kind, account_id AS id, 'email' AS identifier_kind, email AS value, _source AS source
FROM accounts WHERE email IS NOT NULL
UNION ALL SELECT 'account', account_id, 'phone', phone, _source FROM accounts WHERE phone IS NOT NULL
UNION ALL SELECT 'device', device_id, 'advertising_id', advertising_id, _source
FROM devices WHERE advertising_id IS NOT NULL
"""

_HOLDERS = """
CREATE OR REPLACE TEMP TABLE holders AS
SELECT kind, id, identifier_kind, value, hashed.identifier_id, list_sort(list(DISTINCT source)) AS sources
FROM held JOIN hashed USING (identifier_kind, value) GROUP BY ALL
"""

_IDENTIFIERS = """
CREATE OR REPLACE TEMP TABLE identifiers AS
SELECT identifier_id, identifier_kind, value, count(*) AS degree FROM holders GROUP BY ALL
"""

_SEEN_ON = """
CREATE OR REPLACE TEMP TABLE seen_on AS
SELECT device_id, network_id, sum(count)::BIGINT AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM touches JOIN hashed ON ip = value WHERE device_id IS NOT NULL GROUP BY device_id, network_id
"""

_NETWORKS = """
CREATE OR REPLACE TEMP TABLE networks AS
SELECT network_id, count(*) AS devices FROM seen_on GROUP BY network_id
"""

_ALIASES = """
CREATE OR REPLACE TEMP TABLE aliases AS
WITH said AS (
    SELECT CASE WHEN from_kind <> 'unknown' THEN from_kind WHEN f.id IS NOT NULL THEN 'device' ELSE 'account' END AS a_kind,
           from_id AS a_id,
           CASE WHEN to_kind <> 'unknown' THEN to_kind WHEN t.id IS NOT NULL THEN 'device' ELSE 'account' END AS b_kind,
           to_id AS b_id, "at" AS said_at, _source AS source
    FROM relations
    LEFT JOIN subjects f ON f.kind = 'device' AND f.id = from_id
    LEFT JOIN subjects t ON t.kind = 'device' AND t.id = to_id
    WHERE type = 'alias' AND from_kind IN ('device', 'account', 'unknown') AND to_kind IN ('device', 'account', 'unknown')
), ordered AS (
    SELECT least((a_kind, a_id), (b_kind, b_id)) AS l, greatest((a_kind, a_id), (b_kind, b_id)) AS r, said_at, source
    FROM said WHERE (a_kind, a_id) <> (b_kind, b_id)
)
SELECT l[1] AS left_kind, l[2] AS left_id, r[1] AS right_kind, r[2] AS right_id,
       min(said_at) AS first_seen, max(said_at) AS last_seen, list_sort(list(DISTINCT source)) AS sources
FROM ordered GROUP BY l, r
"""


def build_links(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Make the temporary tables above. `key` is the home's hashing key."""
    for statement in (_TOUCHES, _SUBJECTS, _SIGNED_IN, _HELD):
        connection.execute(statement)
    values = connection.sql("SELECT DISTINCT identifier_kind, value FROM held").to_arrow_table()
    _register_hashed(connection, values, "identifier_id", key)
    connection.execute(_HOLDERS)
    connection.execute(_IDENTIFIERS)
    connection.execute("DROP TABLE held")
    ips = "SELECT DISTINCT 'ip' AS identifier_kind, ip AS value FROM touches WHERE ip IS NOT NULL AND device_id IS NOT NULL"
    _register_hashed(connection, connection.sql(ips).to_arrow_table(), "network_id", key)
    for statement in (_SEEN_ON, _NETWORKS, _ALIASES):
        connection.execute(statement)
    connection.unregister("hashed")


def _register_hashed(connection: duckdb.DuckDBPyConnection, values: pa.Table, name: str, key: bytes) -> None:
    """Register the table `hashed`: identifier_kind, value and its keyed hash under `name`."""
    parts = []
    for kind in sorted(values["identifier_kind"].unique().to_pylist()):
        of_kind = values.filter(pc.equal(values["identifier_kind"], kind))
        parts.append(of_kind.append_column(name, keyed_ids(of_kind["value"], kind, key)))
    empty = pa.schema([(n, pa.string()) for n in ("identifier_kind", "value", name)]).empty_table()
    connection.register("hashed", pa.concat_tables([empty, *parts]))
