"""Unique namespaces: sources in which one person has one id at most (a customer register, a loyalty programme).

In: the temporary tables of `links` and the view `accounts`. Out: the temporary tables `namespaces` (number, namespace_code), the
subjects that are ids of such a source, as its own column or the folder that brought the row say, and `namespace_conflicts`
(left_number < right_number, namespace, reason), where the input nevertheless ties two ids of one namespace: they stay two
people, and this is what is said about it. `cluster` enforces the rule on whole clusters, a bit for each namespace; no pair of
a namespace is ever listed, so that a register of millions costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import numpy.typing as npt

from graph.errors import SettingsError
from graph.resolve.rules import Database, make, numbers

__all__ = ["MOST_NAMESPACES", "find_namespaces", "namespace_bits", "number_namespaces"]

MOST_NAMESPACES = 62  # bits of a 64-bit integer that keep it positive, less one

_NAMESPACES = """
WITH named AS ({named})
SELECT DISTINCT number, CAST(code AS BIGINT) AS namespace_code
FROM accounts JOIN subjects ON kind = 'account' AND id = account_id
JOIN named ON name = accounts.source OR name = accounts._source
"""

_NONE = "SELECT CAST(0 AS BIGINT) AS number, CAST(0 AS BIGINT) AS namespace_code WHERE 1 = 0"

_CONFLICTS = """
CREATE OR REPLACE TEMP TABLE namespace_conflicts AS
WITH named AS (
    SELECT number, id, namespace_code, list_extract($names::VARCHAR[], namespace_code + 1) AS namespace
    FROM namespaces JOIN subjects USING (number)
), held AS (
    SELECT identifier_id, identifier_kind, number, namespace_code, namespace
    FROM holders h JOIN named n ON h.kind = 'account' AND h.id = n.id
    WHERE identifier_id NOT IN (SELECT identifier_id FROM generic_identifiers)
), signed AS (
    SELECT device_id, number, namespace_code, namespace FROM signed_in JOIN named ON id = account_id
    WHERE device_id IN (SELECT device_id FROM signed_in GROUP BY device_id HAVING count(*) BETWEEN 2 AND $accounts)
), tied AS (
    SELECT a.number AS a, b.number AS b, a.namespace AS namespace, 'one ' || identifier_kind AS reason
    FROM held a JOIN held b USING (identifier_id, identifier_kind, namespace_code) WHERE a.number < b.number
    UNION ALL
    SELECT a.number, b.number, a.namespace, 'sign-ins on one device' FROM signed a JOIN signed b USING (device_id, namespace_code)
    WHERE a.number < b.number
    UNION ALL
    SELECT l.number, r.number, l.namespace, 'a site says that they are one'
    FROM aliases JOIN named l ON left_kind = 'account' AND l.id = left_id
    JOIN named r ON right_kind = 'account' AND r.id = right_id AND r.namespace_code = l.namespace_code
)
SELECT least(a, b) AS left_number, greatest(a, b) AS right_number, namespace, min(reason) AS reason FROM tied GROUP BY ALL
"""


def find_namespaces(connection: duckdb.DuckDBPyConnection, names: Sequence[str], most_accounts: int) -> None:
    """Make `namespaces` and `namespace_conflicts`; needs `generic_identifiers`. Devices with more than `most_accounts` accounts
    are kiosks, and tie nobody. Raises SettingsError for more names than there are bits."""
    number_namespaces(connection, names)
    connection.execute(_CONFLICTS, {"names": sorted(set(names)), "accounts": most_accounts})


def number_namespaces(connection: Database, names: Sequence[str]) -> None:
    """Make `namespaces` alone. Raises SettingsError for more names than there are bits."""
    names = sorted(set(names))
    if len(names) > MOST_NAMESPACES:
        raise SettingsError(f"unique_namespaces has {len(names)} names; at most {MOST_NAMESPACES} are possible")
    named = " UNION ALL ".join(f"SELECT $name{code} AS name, {code} AS code" for code in range(len(names)))
    query = _NAMESPACES.format(named=named) if names else _NONE
    make(connection, "namespaces", query, {f"name{code}": name for code, name in enumerate(names)} or None)


def namespace_bits(connection: Database, nodes: int) -> npt.NDArray[np.int64]:
    """Per subject number a bit for each namespace that it is an id of, for `cluster`."""
    rows = numbers(connection, "SELECT number, namespace_code FROM namespaces")
    bits = np.zeros(nodes, np.int64)
    np.bitwise_or.at(bits, rows["number"].astype(np.int64), np.int64(1) << rows["namespace_code"].astype(np.int64))
    return bits
