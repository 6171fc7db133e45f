"""From the lake's last batches to the identity log, step by step where that can be done.

In: the home's lake and log. Out: log and index as of the lake's last batch, and the numbers of what changed; NeedsFullRun where
a full run has to do it: there is no index yet, the as-of time has entered another decay period, devices are compared by behaviour
(whether two are alike depends there on how many others look at the same contents), or the new rows are too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from graph.database import connect
from graph.home import Home
from graph.lake import Lake, latest
from graph.resolution import ResolutionChange
from graph.resolve.decay import find_as_of
from graph.resolve.fitted import load_fitted
from graph.resolve.incremental.changes import NeedsFullRun
from graph.resolve.incremental.index import is_filled, standing_as_of
from graph.resolve.incremental.update import Follower
from graph.resolve.log import IdentityLog
from graph.resolve.log_database import IdentityDatabase
from graph.resolve.settings import ResolveSettings
from graph.tables import TABLES

__all__ = ["CaughtUp", "catch_up", "open_follower"]

_MOST_ROWS = 20_000
_MOST_SHARE = 0.1
"""New rows from which a full run is faster, in all and as a share of the subjects known."""


def open_follower(
    log: IdentityLog, home: Home, key: bytes, settings: ResolveSettings | None = None, *, in_step: bool = False
) -> Follower:
    """A follower of this home's log. `in_step`: the caller knows that the graph store has all that the log has. Raises
    NeedsFullRun where there is no index, or where the store may lack something; ModelError."""
    version, parameters = log.state()[1], log.parameters()
    if parameters is None or not is_filled(log, version):
        raise NeedsFullRun("there is no key index yet")
    if not in_step and log.one("SELECT published FROM k_state") != 1:
        raise NeedsFullRun("the graph store may lack earlier changes")
    fitted = load_fitted(home.identity / "parameters", parameters)
    return Follower(log, key, fitted.records, settings or ResolveSettings(), compares_behaviour=fitted.devices is not None)


@dataclass(frozen=True)
class CaughtUp:
    """`change`: of the resolution. `tables`: lake tables with new rows. `subjects`: kind and id of those that new events name."""

    change: ResolutionChange
    tables: frozenset[str]
    subjects: pa.Table


def catch_up(follower: Follower, lake: Lake, before: IdentityDatabase) -> CaughtUp:
    """Take what is in the lake and not in the index, in one transaction of the log. `before`: another connection to its database.
    Raises NeedsFullRun: then nothing has changed."""
    log = follower.log
    [(known,)] = log.rows("SELECT batch FROM k_state")
    last = lake.last_batch()
    files = {name: [f for f in found if f.batch > known] for name, found in lake.files().items() if name in TABLES}
    new = sum(f.rows for found in files.values() for f in found)
    [(subjects,)] = log.rows("SELECT count(*) FROM k_subject")
    if new > _MOST_ROWS and new > _MOST_SHARE * subjects:
        raise NeedsFullRun(f"{new:,} new rows are too many to follow one by one")
    if follower.compares_behaviour and any(files["events"]):
        raise NeedsFullRun("devices are compared by behaviour")
    if any(files["accounts"]) and not follower.model.specs:
        raise NeedsFullRun("records came, and there was nothing to compare when the parameters were fitted")
    superseding = frozenset(name for name, found in files.items() if any(not f.fresh for f in found))
    with connect() as connection:
        rows: dict[str, pa.Table] = {
            name: connection.sql(latest(name, found)).to_arrow_table() for name, found in files.items() if found
        }
    with lake.connect() as everything:
        _same_period(follower, find_as_of(everything).at)
        with log.transaction():
            changed = follower.take(rows, superseding, events=everything)
            log.change("UPDATE k_state SET batch = ?", last)
            change = follower.change(changed, before)
    return CaughtUp(change, frozenset(rows), _subjects(rows.get("events")))


def _subjects(events: pa.Table | None) -> pa.Table:
    found = {
        (kind, id_)
        for kind in ("device", "account")
        for id_ in ([] if events is None else pc.unique(events[f"{kind}_id"]).to_pylist())
        if id_ is not None
    }
    schema = pa.schema([("kind", pa.string()), ("id", pa.string())])
    return pa.Table.from_pylist([{"kind": kind, "id": id_} for kind, id_ in sorted(found)], schema=schema)


def _same_period(follower: Follower, at: datetime | None) -> None:
    """Weights change only when the as-of time enters another period of decay."""
    standing, days = standing_as_of(follower.log), follower.settings.decay.period_days
    start = datetime.fromtimestamp(0, UTC)
    periods = [None if t is None else (t - start).days // days for t in (standing, at)]
    if periods[0] != periods[1]:
        raise NeedsFullRun("the as-of time has entered another period of decay")
