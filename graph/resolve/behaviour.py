"""What devices' behaviour says of pairs of devices, for the steps that weigh evidence.

In: the views `events` and `devices`, the temporary tables of `links` and `guards`. Out: the temporary table `behaviour_pairs`
(left_number < right_number, weight, likeness, sources, first_seen, last_seen) of the candidates of `cross_device`, and the
model that scored them.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from graph.resolve.cross_device import (
    CrossDeviceModel,
    build_profiles,
    fit_sign_ins,
    fit_views,
    known_pairs,
    measure_parameters,
    pair_features,
)
from graph.resolve.cross_device import profiles as profile_tables
from graph.resolve.steps import no_behaviour

__all__ = ["find_behaviour_pairs"]

_LEAST = -10.0  # log2 odds under which a pair says nothing that clustering would miss

_PAIRS = """
CREATE OR REPLACE TEMP TABLE behaviour_pairs AS
SELECT least(l.number, r.number) AS left_number, greatest(l.number, r.number) AS right_number, weight, likeness, []::VARCHAR[]
AS sources,
       NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
FROM scored JOIN subjects l ON l.kind = 'device' AND l.id = left_id JOIN subjects r ON r.kind = 'device' AND r.id = right_id
WHERE weight > $least
"""


def find_behaviour_pairs(
    connection: duckdb.DuckDBPyConnection, key: bytes, model: CrossDeviceModel | None, *, fit: bool
) -> CrossDeviceModel | None:
    """Make `behaviour_pairs`, with the model or, to `fit`, with one fitted on these devices; gives the model back."""
    no_behaviour(connection)
    if (model is None and not fit) or not connection.sql("SELECT 1 FROM networks WHERE devices > 1 LIMIT 1").fetchall():
        return model
    try:
        build_profiles(connection, key)
        if fit or model is None:
            parameters = measure_parameters(connection)
            features = pair_features(connection, parameters)
            known = known_pairs(connection, features)
            model = fit_sign_ins(features, known, parameters) or fit_views(features, parameters)
            if model is None:
                return None
        else:
            features = pair_features(connection, model.parameters)
        scores = model.score(features.values)
        scored = {
            "left_id": features.left_id,
            "right_id": features.right_id,
            "weight": scores.weight,
            "likeness": scores.weight - model.prior,
        }
        connection.register("scored", pa.table(scored))
        connection.execute(_PAIRS, {"least": _LEAST})
        connection.unregister("scored")
    finally:
        for table in profile_tables.TEMPORARY:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    return model
