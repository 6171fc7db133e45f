"""How long work says how far it is, and how it says nothing."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "ignore_progress"]

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) while long work goes on."""


def ignore_progress(what: str, done: int, total: int) -> None:
    """A `Progress` that shows nothing."""
