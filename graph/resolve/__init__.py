"""Identity resolution: who is one person. `resolve` runs the stage, `load` reads its last result."""

from graph.resolve.log import IdentityLog, LogEntry
from graph.resolve.run import ResolveSettings, load, resolve

__all__ = ["IdentityLog", "LogEntry", "ResolveSettings", "load", "resolve"]
