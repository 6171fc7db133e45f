"""A statement file: a comment header, then one Cypher statement.

    // summary: one line
    // mode: read | write
    // parameter: NAME TYPE [= DEFAULT] [LEAST..MOST]: what it is
    // column: NAME [KIND]: what it holds
    // slot: NAME: what the caller fills in from graph.schema (a label, a type, a list of properties), written <<NAME>>

A parameter without default must be given. TYPE is one of `string integer number boolean time strings rows`; KIND says whom a
column is about (`person device account`; `people`, a count of people or of what they did; `ratio`, a quotient of such counts;
`tag`), and is left out where it is about nobody.
Other comments explain the statement.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal, cast

__all__ = ["Column", "Kind", "Mode", "Parameter", "ParameterType", "Statement", "parse"]

Mode = Literal["read", "write"]
ParameterType = Literal["string", "integer", "number", "boolean", "time", "strings", "rows"]
Kind = Literal["person", "device", "account", "people", "ratio", "tag", "plain"]

_HEADER = re.compile(r"^// (summary|mode|parameter|column|slot): (.+)$")
_PARAMETER = re.compile(
    r"^(\w+) (string|integer|number|boolean|time|strings|rows)(?: = (\S+))?(?: (-?[\d.]+?)\.\.(-?[\d.]+))?: (.+)$"
)
_COLUMN = re.compile(r"^(\w+)(?: (person|device|account|people|ratio|tag))?: (.+)$")
_SLOT = re.compile(r"<<(\w+)>>")


@dataclass(frozen=True)
class Parameter:
    """A `$name` of a statement. `least` and `most` bound numbers; `default` counts only where `required` is false."""

    name: str
    type: ParameterType
    summary: str
    required: bool
    default: str | float | bool | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Column:
    """A returned column, and whom it is about."""

    name: str
    kind: Kind
    summary: str


@dataclass(frozen=True)
class Statement:
    """One statement of the catalogue. `group` is its folder; `slots` have to be filled before it can run."""

    name: str
    group: str
    summary: str
    mode: Mode
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    slots: tuple[str, ...]
    text: str

    def fill(self, **values: str) -> str:
        """The text with its slots filled: names and fragments that come from `graph.schema`, never values or user input."""
        if set(values) != set(self.slots):
            raise ValueError(f"{self.name} has the slots {', '.join(self.slots) or '(none)'}, not {', '.join(values)}")
        return _SLOT.sub(lambda found: values[found[1]], self.text)


def parse(name: str, group: str, source: str) -> Statement:
    """Read a statement file. Raises ValueError that names the statement and the line."""
    facts: dict[str, list[str]] = {"summary": [], "mode": [], "parameter": [], "column": [], "slot": []}
    body = []
    for line in source.splitlines():
        header = _HEADER.match(line)
        if header:
            facts[header[1]].append(header[2])
        elif line.strip() and not line.startswith("//"):
            body.append(line)
    if len(facts["summary"]) != 1 or facts["mode"] not in (["read"], ["write"]) or not body:
        raise ValueError(f"statement {name} needs one summary, a mode (read or write) and a text")
    return Statement(
        name=name,
        group=group,
        summary=facts["summary"][0],
        mode=cast(Mode, facts["mode"][0]),
        parameters=tuple(_parameter(name, line) for line in facts["parameter"]),
        columns=tuple(_column(name, line) for line in facts["column"]),
        slots=tuple(line.partition(":")[0] for line in facts["slot"]),
        text="\n".join(body),
    )


def _parameter(name: str, line: str) -> Parameter:
    found = _PARAMETER.match(line)
    if not found:
        raise ValueError(f"statement {name}: parameter line {line!r} cannot be read")
    default = None if found[3] is None else json.loads(found[3])
    least, most = (None if bound is None else float(bound) for bound in (found[4], found[5]))
    return Parameter(found[1], cast(ParameterType, found[2]), found[6], found[3] is None, default, least, most)


def _column(name: str, line: str) -> Column:
    found = _COLUMN.match(line)
    if not found:
        raise ValueError(f"statement {name}: column line {line!r} cannot be read")
    return Column(found[1], cast(Kind, found[2] or "plain"), found[3])
