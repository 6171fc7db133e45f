"""Which content an event is about, and what must be taken out of an address before it may stand in the graph.

An event without a content id but with a URL engages the content of its (already normalised) URL. Addresses sometimes carry
an e-mail address (`?email=…`, `mailto:`-like paths): such a URL loses its query and fragment, and if that is not enough it is
replaced by a keyed hash, so that no personal data reaches the graph by this way.

`prepare_contents` makes the temporary table `urls` (raw, safe) for the few URLs that change; `CONTENT_ID` and `SAFE_URL` are
SQL over a row joined to it as `u` on `url = u.raw`.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from graph.keyed import keyed_id

__all__ = ["CONTENT_ID", "SAFE_URL", "prepare_contents"]

SAFE_URL = "coalesce(u.safe, url)"
CONTENT_ID = f"coalesce(content_id, {SAFE_URL})"

_PERSONAL = r"[^/?&=#\s]+(@|%40)[^/?&=#\s]+"

_FOUND = f"""
SELECT raw, regexp_matches(cut, '{_PERSONAL}', 'i') AS still, cut
FROM (SELECT DISTINCT url AS raw, regexp_extract(url, '^[^?#]*') AS cut
      FROM (SELECT url FROM events UNION ALL SELECT url FROM contents) WHERE regexp_matches(url, '{_PERSONAL}', 'i'))
ORDER BY raw
"""


def prepare_contents(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Make the temporary table `urls`. `key` is the home's hashing key."""
    found = connection.sql(_FOUND).fetchall()
    safe = [keyed_id(raw, "url", key) if still else cut for raw, still, cut in found]
    table = pa.table({"raw": pa.array([f[0] for f in found], pa.string()), "safe": pa.array(safe, pa.string())})
    connection.register("found_urls", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE urls AS SELECT * FROM found_urls")
    connection.unregister("found_urls")
