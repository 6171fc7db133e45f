"""Model versions of a home: written whole or not at all, promoted and rolled back in one step, read without torch."""

from gnn.registry.listing import describe, find, listed
from gnn.registry.promotion import current, current_name, history, last_refresh, previous_name, promote, rollback
from gnn.registry.refreshed import Refreshed
from gnn.registry.refreshed import newest as newest_refresh
from gnn.registry.refreshed import read as refreshed
from gnn.registry.retention import KEPT, remove
from gnn.registry.runs import record_run, runs
from gnn.registry.saving import Reference, save
from gnn.registry.version import Version, load, versions

__all__ = [
    "KEPT",
    "Reference",
    "Refreshed",
    "Version",
    "current",
    "current_name",
    "describe",
    "find",
    "history",
    "last_refresh",
    "listed",
    "load",
    "newest_refresh",
    "previous_name",
    "promote",
    "record_run",
    "refreshed",
    "remove",
    "rollback",
    "runs",
    "save",
    "versions",
]
