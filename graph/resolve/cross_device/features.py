"""Pairs of devices that may be one person's, and what speaks for or against it, as numbers.

In: the temporary tables of `profiles`; `networks` and `generic_networks` of the stage, `classes` (left out: bots and shared
devices). Out: `PairFeatures`, one row per pair that shares a network or several rare items.

A pair's features depend on the rows of its two devices, on the degrees of what they share, and on frozen `FeatureParameters`,
on nothing else: of any set of devices that holds the pair, with the same degrees, they come out the same, bit for bit (sums are
sums of whole billionths, in any order). Missing knowledge is NaN. With p and q the shares of the two devices' time:

networks   overlap         square root of the sum of sqrt(p q) over shared networks (Bhattacharyya 1943), time in slots of ten
                           minutes
           crowd           log2(devices behind the network - 1), averaged over the overlap: each pair's share of a network
           no_network      1 where no network is shared
           rare_networks   log2(1 + sum of 1 / (devices - 1)) over shared networks
together   together        log2(1 + days) on which both were at one network within ten minutes, or the next ten
           together_away   the same, of networks that are the main network of neither
contents   contents        log2(1 + c / usual c), c = sum of sqrt(p q) idf over shared items, idf = log(N / devices) / log N, p
                           and q shares of events of the types (page view, app start, …) that both devices have
           rare_items      log2(1 + r / usual r), r = sum of 1 / (devices - 1) over shared items of few devices, by the
                           geometric mean of the numbers of items of the two; what is usual is measured on arbitrary pairs,
                           apart for devices of one kind and of two, since a telephone's apps are no desktop's pages
rhythm     rhythm          correlation of the two weeks' departures from everybody's week, shrunk where events are few
place      same_timezone, same_language
kind       kinds_differ, same_maker (of the operating system)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graph.resolve.cross_device.statements import ALL, ARBITRARY_PAIRS, ITEM_FEATURES, ITEM_SHARE, NETWORK_SHARE, PAIRS
from graph.resolve.cross_device.weeks import BINS, rhythm_likeness, week_shares

__all__ = [
    "FEATURES",
    "GROUPS",
    "TEMPORARY",
    "CandidateLimits",
    "FeatureParameters",
    "PairFeatures",
    "measure_parameters",
    "pair_features",
]

TEMPORARY = ("network_share", "item_share", "device_pairs")

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("networks", ("overlap", "no_network", "crowd", "rare_networks")),
    ("together", ("together", "together_away")),
    ("contents", ("contents", "rare_items")),
    ("rhythm", ("rhythm",)),
    ("place", ("same_timezone", "same_language")),
    ("kind", ("kinds_differ", "same_maker")),
)
FEATURES: tuple[str, ...] = tuple(name for _, names in GROUPS for name in names)

Reals = npt.NDArray[np.float64]

_LEAST_CONTENTS, _LEAST_RARE = 0.002, 0.001  # added to what is usual, so that one item in common of sparse data is no wonder


@dataclass(frozen=True)
class CandidateLimits:
    """What is looked at per device, so that a device with very many networks or items stays bounded. Each limit keeps what the
    device uses most, which is a function of its own rows."""

    networks_per_device: int = 64
    items_per_device: int = 1_000
    rare_item_devices: int = 5
    """Devices up to which an item counts as rare."""
    rare_items: int = 3
    """Rare items that two devices without a common network must share to be compared."""
    arbitrary_pairs: int = 4_000
    """Pairs of devices on which it is measured how much any two have in common."""
    least_common_events: int = 5
    """Events of types that both devices have, on either, from which contents are compared; below, they say nothing."""
    common_item_share: float = 0.1
    """Share of all devices from which an item tells nobody apart and is left out."""


@dataclass(frozen=True)
class FeatureParameters:
    """Frozen with the model, so that growth of the lake does not move old pairs."""

    devices: int
    """Number of devices at the time of fitting, N of the idf."""
    week: tuple[float, ...]
    """Everybody's share of events per bin of the week (`weeks.BINS`)."""
    usual_contents: tuple[float, float]
    """Mean c of arbitrary pairs of devices of one kind, and of two kinds."""
    usual_rare_items: tuple[float, float]
    """Mean r of such pairs."""
    limits: CandidateLimits = field(default_factory=CandidateLimits)
    kinds_differ: float = 0.5
    """Share of the pairs of devices of known kind whose kinds differ."""


@dataclass(frozen=True)
class PairFeatures:
    """Pairs left_id < right_id, in order; `values`: pairs × FEATURES, NaN for what is not known."""

    left_id: pa.Array
    right_id: pa.Array
    values: Reals


def measure_parameters(connection: duckdb.DuckDBPyConnection, limits: CandidateLimits | None = None) -> FeatureParameters:
    """Parameters from the profiles of all devices."""
    [(devices,)] = connection.sql("SELECT count(*) FROM device_facts").fetchall()
    rows = connection.sql("SELECT hour_of_week, sum(count)::DOUBLE AS n FROM rhythm GROUP BY 1 ORDER BY 1").fetchall()
    kinds = connection.sql("SELECT count(*) FROM device_facts WHERE kind IS NOT NULL GROUP BY kind ORDER BY 1").fetchall()
    hours = np.zeros(168)
    for hour, count in rows:
        hours[hour] = count
    limits = limits or CandidateLimits()
    try:
        _share_items(connection, max(int(devices), 2), limits)
        connection.execute(ARBITRARY_PAIRS, {"pairs": limits.arbitrary_pairs})
        query = f"SELECT differ, contents, rare FROM device_pairs JOIN ({ITEM_FEATURES}) USING (left_id, right_id) ORDER BY ALL"
        likeness = connection.sql(query, params=_item_values(max(int(devices), 2), limits)).to_arrow_table()
    finally:
        _drop(connection)
    differ, contents, rare = _real(likeness["differ"]) > 0, _real(likeness["contents"]), _real(likeness["rare"])
    return FeatureParameters(
        int(devices),
        tuple(week_shares(hours).tolist()),
        (_usual(contents[~differ]) + _LEAST_CONTENTS, _usual(contents[differ]) + _LEAST_CONTENTS),
        (_usual(rare[~differ]) + _LEAST_RARE, _usual(rare[differ]) + _LEAST_RARE),
        limits,
        _chance_of_two_kinds(np.array([count for (count,) in kinds], np.float64)),
    )


def pair_features(connection: duckdb.DuckDBPyConnection, parameters: FeatureParameters) -> PairFeatures:
    """Candidate pairs and their features; makes temporary tables of shares and drops them."""
    limits, everybody = parameters.limits, max(parameters.devices, 2)
    try:
        connection.execute(NETWORK_SHARE, {"networks": limits.networks_per_device})
        _share_items(connection, everybody, limits)
        connection.execute(PAIRS, {"rare": limits.rare_item_devices, "items": limits.rare_items})
        table = connection.sql(ALL, params=_item_values(everybody, limits)).to_arrow_table()
        likeness = _rhythm(connection, table, np.array(parameters.week))
    finally:
        _drop(connection)
    columns = {name: _real(table[name]) for name in FEATURES if name != "rhythm"}
    columns["rhythm"] = likeness
    differ = (columns["kinds_differ"] == 1).astype(np.int64)  # kinds that are not known count as one
    columns["contents"] = np.log2(1 + columns["contents"] / np.array(parameters.usual_contents)[differ])
    columns["rare_items"] = np.log2(1 + columns["rare_items"] / np.array(parameters.usual_rare_items)[differ])
    for name in ("overlap", "no_network", "crowd", "rare_networks", "together", "together_away"):
        columns[name] = np.where(table["networks_known"].to_numpy(), columns[name], np.nan)
    text = pa.string()
    return PairFeatures(
        table["left_id"].combine_chunks().cast(text),
        table["right_id"].combine_chunks().cast(text),
        _matrix(columns),
    )


def _share_items(connection: duckdb.DuckDBPyConnection, everybody: int, limits: CandidateLimits) -> None:
    """Make `item_share`."""
    values = {"items": limits.items_per_device, "common": limits.common_item_share, "all": float(everybody)}
    connection.execute(ITEM_SHARE, {**values, "rare": limits.rare_item_devices})


def _item_values(everybody: int, limits: CandidateLimits) -> dict[str, float]:
    """Parameters of the item statements."""
    return {"all": float(everybody), "rare": limits.rare_item_devices, "events": limits.least_common_events}


def _drop(connection: duckdb.DuckDBPyConnection) -> None:
    for name in TEMPORARY:
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _usual(values: Reals) -> float:
    """Mean without the highest twentieth, among which are pairs of one person."""
    kept = np.sort(values)[: max(1, round(0.95 * len(values)))]
    return round(float(kept.mean()), 9) if len(kept) else 0.0


def _chance_of_two_kinds(devices: Reals) -> float:
    """Of any two devices, from the number of each kind; one half where there are none."""
    pairs = devices.sum() * (devices.sum() - 1)
    return float(round(1 - (devices * (devices - 1)).sum() / pairs, 9)) if pairs > 0 else 0.5


def _matrix(columns: dict[str, Reals]) -> Reals:
    """The columns in the order of FEATURES, in whole billionths."""
    values = np.column_stack([columns[name] for name in FEATURES])
    return np.asarray(np.round(values, 9), np.float64)


def _real(column: pa.ChunkedArray) -> Reals:
    """Numbers, NaN for null."""
    values: Reals = column.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    return values


def _rhythm(connection: duckdb.DuckDBPyConnection, pairs: pa.Table, week: Reals) -> Reals:
    """Likeness of the weeks of each pair."""
    rows = connection.sql(
        "SELECT device_id, hour_of_week, count FROM rhythm WHERE device_id IN"
        " (SELECT left_id FROM device_pairs UNION SELECT right_id FROM device_pairs) ORDER BY ALL"
    ).to_arrow_table()
    ids = pa.array(sorted(set(rows["device_id"].to_pylist())), pa.string())
    counts = np.zeros((len(ids) + 1, BINS))  # the last row is of devices without events
    hour = rows["hour_of_week"].to_numpy()
    device = pc.index_in(rows["device_id"], ids).to_numpy()
    np.add.at(counts, (device, (hour % 24) + np.where(hour >= 120, 24, 0)), rows["count"].to_numpy())
    left, right = (
        pc.index_in(pairs[name], ids).fill_null(len(ids)).to_numpy().astype(np.int64) for name in ("left_id", "right_id")
    )
    return rhythm_likeness(counts, left, right, week)
