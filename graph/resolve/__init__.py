"""Identity resolution: who is one person. `resolve` runs the stage, `load` reads its last result, `explain` says why."""

from graph.resolve.explain import Explanation, explain
from graph.resolve.incremental import set_published
from graph.resolve.log import IdentityLog, LogEntry
from graph.resolve.run import load, load_around, resolve
from graph.resolve.settings import ResolveSettings

__all__ = [
    "Explanation",
    "IdentityLog",
    "LogEntry",
    "ResolveSettings",
    "explain",
    "load",
    "load_around",
    "resolve",
    "set_published",
]
