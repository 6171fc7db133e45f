"""How the command line speaks: tables or JSON on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

__all__ = ["emit", "fail", "progress", "say", "table"]


_PIPE_COLUMNS = 160


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def emit(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, ensure_ascii=False, default=_plain))


def say(text: str = "") -> None:
    """Print one line for people."""
    print(text)


def fail(message: str) -> None:
    """Print a one-line error."""
    print("tessera: " + " ".join(message.split()), file=sys.stderr)


def table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """Print rows as a table; the columns are those of the first row."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print("(no rows)")
        return
    shown = Table(title=title, title_justify="left")
    for column in rows[0]:
        shown.add_column(str(column), overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(row.get(column)) for column in rows[0]))
    # Where nobody looks at a terminal, lines may be long: a pipe should not get words broken to 80 columns.
    # Values are shown as they are: a title such as `[draft] :cat:` is neither markup nor an emoji.
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, markup=False, emoji=False).print(shown)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A progress callback (what, done, total) shown as bars on standard error, one bar for each `what`."""
    if quiet or not sys.stderr.isatty():
        yield _Lines(quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    ) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield show


class _Lines:
    """Progress where there is no terminal: one line when a piece of work is complete."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._said: set[str] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self._quiet and total and done >= total and what not in self._said:
            self._said.add(what)
            print(f"{what}: {done:,}", file=sys.stderr)
