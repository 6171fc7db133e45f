"""How many versions are kept, and removing one: the current version and the one that a rollback goes to are never removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gnn.registry.promotion import current_name, forget, previous_name
from gnn.registry.version import described, versions
from graph.errors import HomeNotWritable, ModelError

__all__ = ["KEPT", "prune", "remove"]

KEPT = 10
"""So many versions stay after a training; the oldest others are removed. A version of 1,000,000 persons and 100 tags takes about
1 GB."""


def remove(models: Path, name: str) -> None:
    """Remove a version. Raises ModelError for the current one, the previous one, or one that is not there; HomeNotWritable."""
    if name not in versions(models):
        raise ModelError(f"model version {name} is not in {models}; see `tessera model list`")
    role = {current_name(models): "current", previous_name(models): "previous"}.get(name)
    if role is not None:
        raise ModelError(f"model version {name} is the {role} one and stays; promote another first")
    _remove(models, name)


def prune(models: Path, kept: int = KEPT) -> list[str]:
    """Remove the oldest versions beyond `kept`, never the current or the previous; gives their names."""
    safe = {current_name(models), previous_name(models)}
    aged = sorted(versions(models), key=lambda name: (_created(models, name), name))
    spare = [name for name in aged if name not in safe]
    gone = spare[: max(0, len(aged) - kept)]
    for name in gone:
        _remove(models, name)
    return gone


def _remove(models: Path, name: str) -> None:
    """In one step out of sight; what is left of it is swept by the next training, should this process be killed."""
    hidden = models / f".{name}.removed"
    try:
        forget(models, name)
        shutil.rmtree(hidden, ignore_errors=True)
        os.replace(models / name, hidden)
        shutil.rmtree(hidden, ignore_errors=True)
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error


def _created(models: Path, name: str) -> str:
    try:
        return str(described(models, name).get("created_at") or "")
    except ModelError:
        return ""
