"""The current resolution: the last full run's tables, with the rows of subjects that updates changed since in their place.

In: the tables of a full run, and what `region` reads for all changed subjects, as that run left them and as they are now. Out: a
`Resolution` in the order of a full run's.
"""

from __future__ import annotations

import pyarrow as pa

from graph.database import connect
from graph.resolution import Resolution

__all__ = ["overlay"]

# Table: its key in the order of its rows, and which rows of the full run give way to the changed ones.
_MEMBER = "({kind}, {id}) IN (SELECT (kind, id) FROM changed)"
_LOST_PERSONS = """person_id IN (SELECT person_id FROM base_members WHERE (kind, id) IN (SELECT (kind, id) FROM changed)
    UNION SELECT person_id FROM new_persons)"""
_RULES: dict[str, tuple[str, str]] = {
    "members": ("kind, id", _MEMBER.format(kind="kind", id="id")),
    "persons": ("person_id", _LOST_PERSONS),
    "evidence": (
        "left_kind, left_id, right_kind, right_id, method",
        f"{_MEMBER.format(kind='left_kind', id='left_id')} OR {_MEMBER.format(kind='right_kind', id='right_id')}",
    ),
    "signed_in": ("device_id, account_id", _MEMBER.format(kind="'device'", id="device_id")),
    "has_identifier": ("kind, id, identifier_id", _MEMBER.format(kind="kind", id="id")),
    "identifiers": (
        "identifier_id",
        f"""identifier_id IN (SELECT identifier_id FROM new_identifiers UNION
            SELECT identifier_id FROM base_has_identifier WHERE {_MEMBER.format(kind="kind", id="id")})""",
    ),
    "seen_on": ("device_id, network_id", _MEMBER.format(kind="'device'", id="device_id")),
    "networks": ("network_id", "network_id IN (SELECT network_id FROM new_networks)"),
    "guarded": ("kind, id", _MEMBER.format(kind="kind", id="id")),
}


def overlay(base: Resolution, changed: pa.Table, now: Resolution) -> Resolution:
    """`changed`: kind and id of every changed subject. `now`: their region, with every person that lives in it and every
    identifier that one of them holds or held."""
    tables = {}
    with connect() as connection:
        connection.register("changed", changed)
        for name in _RULES:
            connection.register(f"base_{name}", getattr(base, name))
            connection.register(f"new_{name}", getattr(now, name))
        for name, (order, replaced) in _RULES.items():
            query = f"""SELECT * FROM base_{name} WHERE NOT ({replaced}) UNION ALL SELECT * FROM new_{name} ORDER BY {order}"""
            tables[name] = connection.sql(query).to_arrow_table().cast(getattr(base, name).schema)
    return Resolution(**{**base.__dict__, **tables})
