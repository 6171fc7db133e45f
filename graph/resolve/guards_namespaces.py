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

__all__ = ["MOST_NAMESPACES", "find_namespaces", "namespace_bits", "number_namespaces"]

MOST_NAMESPACES = 62  # bits of a 64-bit integer that keep it positive, less one

_NAMESPACES = """
CREATE OR REPLACE TEMP TABLE namespaces AS
SELECT DISTINCT number, code::BIGINT AS namespace_code
FROM accounts JOIN subjects ON kind = 'account' AND id = account_id
JOIN (SELECT unnest($names::VARCHAR[]) AS name, unnest(range(len($names::VARCHAR[]))) AS code)
  ON name = accounts.source OR name = accounts._source
"""

_NONE = "CREATE OR REPLACE TEMP TABLE namespaces (number BIGINT, namespace_code BIGINT)"

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


def number_namespaces(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Make `namespaces` alone. Raises SettingsError for more names than there are bits."""
    names = sorted(set(names))
    if len(names) > MOST_NAMESPACES:
        raise SettingsError(f"unique_namespaces has {len(names)} names; at most {MOST_NAMESPACES} are possible")
    connection.execute(_NAMESPACES if names else _NONE, {"names": names} if names else None)


def namespace_bits(connection: duckdb.DuckDBPyConnection, nodes: int) -> npt.NDArray[np.int64]:
    """Per subject number a bit for each namespace that it is an id of, for `cluster`."""
    rows = connection.sql("SELECT number, namespace_code FROM namespaces").fetchnumpy()
    bits = np.zeros(nodes, np.int64)
    np.bitwise_or.at(bits, np.asarray(rows["number"], np.int64), np.int64(1) << np.asarray(rows["namespace_code"], np.int64))
    return bits
