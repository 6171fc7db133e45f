"""Incremental resolution: the key index beside the identity log, and updates that touch only what changed."""

from graph.resolve.incremental.catch_up import CaughtUp, catch_up, open_follower
from graph.resolve.incremental.changes import NeedsFullRun
from graph.resolve.incremental.index import set_published
from graph.resolve.incremental.update import Follower

__all__ = ["CaughtUp", "Follower", "NeedsFullRun", "catch_up", "open_follower", "set_published"]
