"""Finds statements by name. A file lies at `<group>/<name>.cypher`; `dialects/<dialect>/<name>.cypher` stands in for its text
where the shared subset cannot say it, or alone where only one dialect has the statement at all (then with its own header).

In: a name and a dialect. Out: a `Statement`. Works from a wheel, since files are package data.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from cypher.statement import Statement, parse

__all__ = ["DIALECTS", "GROUPS", "READABLE", "UnknownStatement", "load", "names", "readable"]

DIALECTS = ("ladybug", "neo4j")
READABLE = ("read", "analyst")
GROUPS = ("schema", "write", *READABLE)


class UnknownStatement(LookupError):
    """No statement of that name; `near` are names like it, `known` those that users may run."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        self.near = tuple(difflib.get_close_matches(name, known))
        super().__init__(f"no statement named {name!r}")


def names(*groups: str) -> tuple[str, ...]:
    """Names of the shared statements of these groups, sorted; without groups, those that users may run."""
    return tuple(sorted(name for name, group in _shared().items() if group in (groups or READABLE)))


def readable() -> tuple[Statement, ...]:
    """The statements that users may run, sorted by name."""
    return tuple(load(name, DIALECTS[0]) for name in names())


@cache
def load(name: str, dialect: str) -> Statement:
    """The statement `name` as `dialect` runs it. Raises UnknownStatement."""
    overlay = _files(files("cypher").joinpath("dialects", dialect)).get(name)
    group = _shared().get(name)
    if group is None:
        if overlay is None:
            raise UnknownStatement(name, names())
        return parse(name, "dialects", overlay.read_text(encoding="utf-8"))
    source = files("cypher").joinpath(group, f"{name}.cypher").read_text(encoding="utf-8")
    if overlay is not None:
        header = [line for line in source.splitlines() if line.startswith("//")]
        source = "\n".join([*header, *_without_header(overlay.read_text(encoding="utf-8"))])
    return parse(name, group, source)


@cache
def _shared() -> dict[str, str]:
    return {name: group for group in GROUPS for name in _files(files("cypher").joinpath(group))}


def _files(folder: Traversable) -> dict[str, Traversable]:
    if not folder.is_dir():
        return {}
    return {entry.name.removesuffix(".cypher"): entry for entry in folder.iterdir() if entry.name.endswith(".cypher")}


def _without_header(source: str) -> list[str]:
    return [line for line in source.splitlines() if not line.startswith("//")]
