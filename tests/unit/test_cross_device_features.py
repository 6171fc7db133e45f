"""Features of device pairs: symmetry, order, subsets, and what shared networks and contents are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.resolve.cross_device.features import FEATURES, FeatureParameters, PairFeatures, measure_parameters, pair_features
from tests.unit.cross_device_world import World, prepare, simulate
from tests.unit.lake_tables import connect, minutes

COLUMN = {name: i for i, name in enumerate(FEATURES)}


def event(number: int, device: str, minute: float, network: str | None, content: str | None = None) -> dict[str, Any]:
    return {"event_id": f"e{number}", "at": minutes(minute), "device_id": device, "ip": network, "content_id": content}


def features_of(events: Sequence[dict[str, Any]]) -> tuple[duckdb.DuckDBPyConnection, FeatureParameters, PairFeatures]:
    connection = connect(events=events)
    prepare(connection)
    parameters = measure_parameters(connection)
    return connection, parameters, pair_features(connection, parameters)


def row(features: PairFeatures, left: str, right: str) -> dict[str, float]:
    pairs = list(zip(features.left_id.to_pylist(), features.right_id.to_pylist(), strict=True))
    return dict(zip(FEATURES, features.values[pairs.index((left, right))].tolist(), strict=True))


def test_values_by_hand() -> None:
    """a: 3 slots at home, 1 at the café. b: 1 slot at home, in the slot after one of a's. c: the café, days later."""
    events = [
        event(0, "a", 0, "home"),
        event(1, "a", 10, "home"),
        event(2, "a", 20, "home"),
        event(3, "a", 60, "cafe"),
        event(4, "b", 30, "home"),
        event(5, "c", 60 * 24 * 3, "cafe"),
        event(6, "d", 60 * 24 * 3 + 5, "cafe"),
    ]
    _, _, features = features_of(events)
    ab, ac, cd = row(features, "a", "b"), row(features, "a", "c"), row(features, "c", "d")
    assert np.isclose(ab["overlap"], (0.75 * 1) ** 0.25)
    assert np.isclose(ac["overlap"], (0.25 * 1) ** 0.25)
    assert ab["crowd"] == 0
    assert np.isclose(ac["crowd"], 1)
    assert np.isclose(ab["rare_networks"], 1)
    assert np.isclose(ac["rare_networks"], np.log2(1.5))
    assert (ab["together"], ac["together"], cd["together"]) == (1, 0, 1)
    assert ab["together_away"] == 0
    assert ab["same_timezone"] != ab["same_timezone"]  # not known


def test_office_pairs_nobody() -> None:
    events = [event(k, f"d{k:02d}", k, "office") for k in range(30)]
    _, _, features = features_of(events)
    assert len(features.left_id) == 0


def test_bots_and_shared_devices_are_left_out() -> None:
    events = [event(k, f"d{k % 3}", k, "home", "page") for k in range(9)]
    connection, parameters, features = features_of(events)
    assert len(features.left_id) == 3
    connection.execute("INSERT INTO classes VALUES ('device', 'd1', 'shared', 'test')")
    left = pair_features(connection, parameters)
    assert list(zip(left.left_id.to_pylist(), left.right_id.to_pylist(), strict=True)) == [("d0", "d2")]


EVENTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 5_000), st.integers(0, 4), st.integers(0, 6)), min_size=2, max_size=60
)


@settings(max_examples=6, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_order_of_events_and_names_change_nothing(drawn: list[tuple[int, int, int, int]], random: Any) -> None:
    """The same events in another order give the same numbers, bit for bit; exchanged names, exchanged pairs."""
    events = [event(k, f"d{d}", m, f"n{n}", f"c{c}") for k, (d, m, n, c) in enumerate(drawn)]
    _, parameters, features = features_of(events)
    shuffled = list(events)
    random.shuffle(shuffled)
    _, again, same = features_of(shuffled)
    assert parameters == again
    assert features.left_id == same.left_id
    assert features.values.tobytes() == same.values.tobytes()

    connection = connect(events=[{**e, "device_id": f"d{9 - int(e['device_id'][1:])}"} for e in events])
    prepare(connection)
    turned = pair_features(connection, parameters)
    mirror = {
        (f"d{9 - int(right[1:])}", f"d{9 - int(left[1:])}"): v
        for left, right, v in zip(turned.left_id.to_pylist(), turned.right_id.to_pylist(), turned.values, strict=True)
    }
    assert len(mirror) == len(features.left_id)
    for left, right, v in zip(features.left_id.to_pylist(), features.right_id.to_pylist(), features.values, strict=True):
        np.testing.assert_array_equal(v, mirror[left, right])


def test_a_subset_gives_the_full_run_s_features() -> None:
    """Rows of a few devices, with the degrees of the full run, give these devices' pairs the same features, bit for bit."""
    world = simulate(World(people=40, days=10, seed=3))
    connection = world.connection
    prepare(connection)
    parameters = measure_parameters(connection)
    full = pair_features(connection, parameters)
    chosen = sorted(world.owner)[::3]
    connection.register("chosen", pa.table({"device_id": chosen}))
    for table in ("presence", "visits", "activity", "rhythm", "device_facts"):
        connection.execute(f"DELETE FROM {table} WHERE device_id NOT IN (SELECT device_id FROM chosen)")
    part = pair_features(connection, parameters)
    inside = np.array(
        [a in set(chosen) and b in set(chosen) for a, b in zip(full.left_id.to_pylist(), full.right_id.to_pylist(), strict=True)]
    )
    assert inside.sum() > 20
    assert part.left_id == full.left_id.filter(pa.array(inside))
    assert part.right_id == full.right_id.filter(pa.array(inside))
    assert part.values.tobytes() == full.values[inside].tobytes()


def test_a_device_without_networks_is_unknown_not_apart() -> None:
    rare = [event(k, d, k * 700, None, f"c{k // 2}") for k, d in enumerate(["a", "b"] * 5)]
    _, _, features = features_of(rare)
    ab = row(features, "a", "b")
    assert np.isnan(ab["overlap"])
    assert np.isnan(ab["no_network"])
    assert ab["rare_items"] > 0
