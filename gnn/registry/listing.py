"""What versions there are, read from their model.json alone: fit for `tessera model list`, whatever the size of the matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gnn.registry.promotion import current_name, previous_name
from gnn.registry.version import described, versions
from graph.errors import InputError, ModelError, NothingResolved

__all__ = ["describe", "find", "listed"]

_SHORTEST = 3


def listed(models: Path) -> list[dict[str, Any]]:
    """A row for each version, newest first: version, role (current, previous, damaged, or empty), created_at, as_of, persons,
    tags, map and its interval on the report's persons, code, data."""
    roles = {previous_name(models): "previous", current_name(models): "current"}
    rows = []
    for name in versions(models):
        try:
            found = described(models, name)
        except ModelError:
            rows.append(dict.fromkeys(_COLUMNS) | {"version": name, "role": "damaged"})
            continue
        report = found["metrics"].get("report", {}).get("model", {})
        data, code = found.get("data", {}), found.get("code", {})
        rows.append(
            {
                "version": name,
                "role": roles.get(name, ""),
                "created_at": found.get("created_at"),
                "as_of": found["as_of"],
                "persons": data.get("persons"),
                "tags": data.get("tags"),
                "map": report.get("map"),
                "map_low": report.get("map_low"),
                "map_high": report.get("map_high"),
                "code": (code.get("commit") or code.get("source") or "")[:10] or None,
                "data": (data.get("population") or "")[:10] or None,
            }
        )
    return sorted(rows, key=lambda row: (row["created_at"] or "", row["version"]), reverse=True)


_COLUMNS = ("version", "role", "created_at", "as_of", "persons", "tags", "map", "map_low", "map_high", "code", "data")


def describe(models: Path, name: str) -> dict[str, Any]:
    """Everything that model.json says of a version, and its role; of the details the options alone. Raises ModelError."""
    found = described(models, name)
    role = {previous_name(models): "previous", current_name(models): "current"}.get(name, "")
    return {
        "version": name,
        "role": role,
        "created_at": found.get("created_at"),
        "as_of": found["as_of"],
        "data": found.get("data", {}),
        "code": found.get("code", {}),
        "options": found["details"].get("options", {}),
        "metrics": found["metrics"],
        "notes": found["notes"],
        "files": found["files"] | found.get("extras", {}),
    }


def find(models: Path, text: str) -> str:
    """The version that somebody means: its name, the start of it, `current` or `previous`.

    Raises InputError, ModelError, NothingResolved."""
    known = versions(models)
    role = {"current": current_name, "previous": previous_name}.get(text)
    if role is not None:
        name = role(models)
        if name is None and text == "current":
            raise NothingResolved(models.parent, "model", "tessera train")
        if name is None:
            raise InputError(f"there is no {text} model version; see `tessera model list`")
        return name
    meant = [name for name in known if name == text] or [n for n in known if len(text) >= _SHORTEST and n.startswith(text)]
    if len(meant) == 1:
        return meant[0]
    reason = "is the start of several model versions" if meant else "is no model version"
    raise InputError(f"{text!r} {reason}; known: {', '.join(known) or 'none'}")
