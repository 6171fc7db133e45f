"""Which version is in use: promote and roll back, each in one step, with their history.

MODELS/current is one JSON file, replaced as a whole: `version` in use, `before` (the versions that a rollback goes back to,
latest last) and `history` (every change: at, action, version, from). So name and history can never disagree, whenever a process
is killed. A `current` from before there was a history holds the name alone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnn.registry.refreshed import newest
from gnn.registry.version import Version, check, described, load
from graph.errors import HomeNotWritable, ModelError, NothingResolved
from graph.files import replace_file

__all__ = ["current", "current_name", "forget", "history", "last_refresh", "previous_name", "promote", "rollback"]


def current(models: Path) -> Version:
    """The version in use. Raises NothingResolved when nothing was trained yet, ModelError when it is damaged."""
    return load(models, _state(models)["version"])


def current_name(models: Path) -> str | None:
    """Name of the version in use; None when nothing was trained yet. Raises ModelError."""
    try:
        return str(_state(models)["version"])
    except NothingResolved:
        return None


def last_refresh(models: Path) -> int:
    """Number of the last refresh beside the version in use; 0 for none. Raises ModelError."""
    name = current_name(models)
    return 0 if name is None else newest(models / name)


def previous_name(models: Path) -> str | None:
    """Name of the version that a rollback goes to; None where there is none. Raises ModelError."""
    try:
        before = _earlier(models, _state(models))
    except NothingResolved:
        return None
    return before[-1] if before else None


def history(models: Path) -> list[dict[str, Any]]:
    """Every change of the version in use, oldest first: at, action (train, promote, rollback), version, from.

    Raises ModelError."""
    try:
        return list(_state(models)["history"])
    except NothingResolved:
        return []


def promote(models: Path, name: str, *, action: str = "promote", at: datetime | None = None) -> None:
    """Make a version the current one; nothing changes where it is already. Raises ModelError for a version that is missing or
    damaged, HomeNotWritable."""
    _whole(models, name)
    try:
        state = _state(models)
    except (NothingResolved, ModelError):  # an unreadable pointer is mended by saying anew where it points
        state = {"version": None, "before": [], "history": []}
    if state["version"] == name:
        return
    before = state["before"] + ([state["version"]] if state["version"] else [])
    _write(models, name, before, state, action, at)


def rollback(models: Path, *, at: datetime | None = None) -> str:
    """Go back to the version that was current before; again, to the one before that. Gives its name.

    Raises NothingResolved, ModelError where there is none or it is damaged, HomeNotWritable."""
    state = _state(models)
    before = _earlier(models, state)
    if not before:
        raise ModelError(f"there is no version before {state['version']} to go back to; see `tessera model list`")
    _whole(models, before[-1])
    _write(models, before[-1], before[:-1], state, "rollback", at)
    return before[-1]


def forget(models: Path, name: str) -> None:
    """Let no rollback go to a version that is about to be removed."""
    state = _state(models)
    if name in state["before"]:
        state["before"] = [n for n in state["before"] if n != name]
        _replace(models, state)


def _write(models: Path, name: str, before: list[str], state: dict[str, Any], action: str, at: datetime | None) -> None:
    entry = {
        "at": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        "action": action,
        "version": name,
        "from": state["version"],
    }
    _replace(models, {"version": name, "before": before, "history": [*state["history"], entry]})


def _replace(models: Path, state: dict[str, Any]) -> None:
    try:
        replace_file(models / "current", json.dumps(state).encode())
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error


def _state(models: Path) -> dict[str, Any]:
    try:
        text = (models / "current").read_text().strip()
        if not text.startswith("{"):
            return {"version": text, "before": [], "history": []}
        state = json.loads(text)
        return {
            "version": str(state["version"]),
            "before": [str(n) for n in state["before"]],
            "history": list(state["history"]),
        }
    except FileNotFoundError:
        raise NothingResolved(models.parent, "model", "tessera train") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{models / 'current'} cannot be read ({error}); run `tessera train`, or `tessera model promote`"
        ) from error


def _earlier(models: Path, state: dict[str, Any]) -> list[str]:
    """What a rollback can go to, latest last: the end is neither the current version nor one that was removed meanwhile."""
    before = list(state["before"])
    while before and (before[-1] == state["version"] or not (models / before[-1] / "model.json").exists()):
        before.pop()
    return before


def _whole(models: Path, name: str) -> None:
    load(models, name)
    check(models / name, described(models, name).get("extras", {}))
