"""The tables of a `Resolution` from the temporary tables of a run and the clusters made of them.

Every table comes out in the order of its key, so that equal input gives equal files.
"""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolution import (
    EVIDENCE,
    GUARDED,
    HAS_IDENTIFIER,
    IDENTIFIERS,
    MEMBERS,
    NETWORKS,
    PERSONS,
    SEEN_ON,
    SIGNED_IN,
    Resolution,
)

__all__ = ["assemble"]

_QUERIES: dict[str, tuple[str, pa.Schema]] = {
    "members": (
        """
        SELECT s.kind, s.id, a.person_id, a.confidence, coalesce(c.class, 'person') AS class, s.since, s.last_seen
        FROM subjects s JOIN assigned a USING (number) LEFT JOIN classes c USING (kind, id) ORDER BY s.kind, s.id
        """,
        MEMBERS,
    ),
    "persons": (
        """
        SELECT a.person_id, max(coalesce(c.class, 'person')) AS class, count_if(s.kind = 'device')::BIGINT AS devices,
               count_if(s.kind = 'account')::BIGINT AS accounts, min(s.since) AS created_at
        FROM subjects s JOIN assigned a USING (number) LEFT JOIN classes c USING (kind, id)
        GROUP BY a.person_id ORDER BY a.person_id
        """,
        PERSONS,
    ),
    "evidence": (
        """
        SELECT l.kind AS left_kind, l.id AS left_id, r.kind AS right_kind, r.id AS right_id, method, weight,
               1 / (1 + power(2, -weight)) AS probability, sources, first_seen, evidence.last_seen AS last_seen
        FROM evidence JOIN subjects l ON l.number = left_number JOIN subjects r ON r.number = right_number
        ORDER BY left_number, right_number, method
        """,
        EVIDENCE,
    ),
    "signed_in": (
        "SELECT device_id, account_id, count, first_seen, last_seen FROM signed_in ORDER BY device_id, account_id",
        SIGNED_IN,
    ),
    "has_identifier": ("SELECT kind, id, identifier_id FROM holders ORDER BY kind, id, identifier_id", HAS_IDENTIFIER),
    "identifiers": (
        """
        SELECT identifier_id, identifier_kind AS kind, degree,
               identifier_id IN (SELECT identifier_id FROM generic_identifiers) AS generic
        FROM identifiers ORDER BY identifier_id
        """,
        IDENTIFIERS,
    ),
    "seen_on": (
        "SELECT device_id, network_id, count, first_seen, last_seen FROM seen_on ORDER BY device_id, network_id",
        SEEN_ON,
    ),
    "networks": (
        """
        SELECT network_id, devices, network_id IN (SELECT network_id FROM generic_networks) AS generic
        FROM networks ORDER BY network_id
        """,
        NETWORKS,
    ),
    "guarded": ("SELECT kind, id, class, min(reason) AS reason FROM classes GROUP BY kind, id, class ORDER BY kind, id", GUARDED),
}


def assemble(
    connection: duckdb.DuckDBPyConnection, person_ids: pa.Array, confidence: npt.NDArray[np.float64], households: pa.Table
) -> Resolution:
    """`person_ids` and `confidence` are per subject number; `households` has that schema of `graph.resolution`."""
    assigned = pa.table({"number": np.arange(len(confidence)), "person_id": person_ids, "confidence": confidence})
    connection.register("assigned", assigned)
    tables = {name: connection.sql(query).to_arrow_table().cast(schema) for name, (query, schema) in _QUERIES.items()}
    connection.unregister("assigned")
    return Resolution(**tables, households=households)
