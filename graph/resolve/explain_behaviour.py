"""The weight of two devices' behaviour as what each group of features adds.

In: pairs of devices, the cross-device model, a connection with the lake's views, the resolution. Out: per pair the odds
beforehand and a part for each group: networks, presence together, contents, rhythm, place, kind. Only the events of these devices
are taken up; how many others look at the same contents is counted for those contents alone, and how many others a network has the
resolution knows, so that features come out as in the run. Counting reads the events once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph.database import connect
from graph.resolution import GUARDED, Resolution
from graph.resolve.cross_device import GROUPS, CrossDeviceModel, build_profiles, pair_features
from graph.resolve.evidence import LEAST_BEHAVIOUR
from graph.resolve.explanation import PRIOR, Part

__all__ = ["behaviour_parts"]

Pair = tuple[str, str]

_OWN = "SELECT * FROM {table} WHERE device_id IN (SELECT explained_id FROM explained_devices)"

# As `cross_device.profiles` has items, of all devices.
BOUND = "bound"
"""Name of the part that behaviour leaves unsaid, since it speaks against a pair by three bits at most."""

_DEGREES = """
WITH wanted AS (
    SELECT item, left(item, 2) AS kind, substr(item, 3) AS text FROM explained_items
), seen AS (
    SELECT w.item, e.device_id FROM events e JOIN wanted w ON w.kind = 'c:' AND w.text = e.content_id
    UNION SELECT w.item, e.device_id FROM events e JOIN wanted w ON w.kind = 'u:' AND w.text = e.url
    UNION SELECT w.item, e.device_id FROM events e JOIN wanted w ON w.kind = 't:' AND w.text = e.title
    UNION SELECT w.item, e.device_id FROM events e
    JOIN wanted w ON w.kind = 'h:' AND e.url LIKE '%://%' AND w.text = regexp_extract(e.url, '^[a-z]+://([^/?#]+)', 1)
)
SELECT item, count(*) AS devices FROM seen WHERE device_id IS NOT NULL GROUP BY item
"""


def behaviour_parts(
    connection: duckdb.DuckDBPyConnection, key: bytes, resolution: Resolution, model: CrossDeviceModel, pairs: Sequence[Pair]
) -> Mapping[Pair, tuple[Part, ...]]:
    """Parts of pairs of device ids, left before right, the prior first; pairs that are no candidates any more are left out.
    `key`: the home's hashing key."""
    ids = pa.array(sorted({id_ for pair in pairs for id_ in pair}), pa.string())
    connection.register("explained_devices", pa.table({"explained_id": ids}))
    tables = {name: connection.sql(_OWN.format(table=name)).to_arrow_table() for name in ("events", "devices")}
    connection.unregister("explained_devices")
    seen_on = resolution.seen_on.filter(pc.is_in(resolution.seen_on["device_id"], ids))
    networks = resolution.networks.filter(pc.is_in(resolution.networks["network_id"], pc.unique(seen_on["network_id"])))
    tables |= {"networks": networks, "generic_networks": networks.filter(networks["generic"]), "classes": GUARDED.empty_table()}
    with connect(threads="1") as own:
        for name, table in tables.items():
            own.register(name, table)
        build_profiles(own, key)
        connection.register("explained_items", own.sql("SELECT item FROM item_degrees").to_arrow_table())
        own.register("all_degrees", connection.sql(_DEGREES).to_arrow_table())
        connection.unregister("explained_items")
        own.execute("CREATE OR REPLACE TEMP TABLE item_degrees AS SELECT * FROM all_degrees")
        features = pair_features(own, model.parameters)
    scores = model.score(features.values)
    place = {pair: n for n, pair in enumerate(zip(features.left_id.to_pylist(), features.right_id.to_pylist(), strict=True))}
    names = [name for name, _ in GROUPS]
    found: dict[Pair, tuple[Part, ...]] = {}
    for pair in pairs:
        if pair in place:
            weights = scores.pieces[place[pair]].tolist()
            parts = [Part(PRIOR, None, model.prior), *(Part(n, None, w) for n, w in zip(names, weights, strict=True))]
            total = float(scores.weight[place[pair]])
            if total < LEAST_BEHAVIOUR:
                parts.append(Part(BOUND, None, LEAST_BEHAVIOUR - total))
            found[pair] = tuple(parts)
    return found
