"""The way into every writer: a `Released` of the right kind, or nothing is written."""

from __future__ import annotations

from typing import Any, TypeVar

from graph.privacy.released import Released

__all__ = ["opened"]

T = TypeVar("T")


def opened(released: Released[Any], kind: type[T]) -> T:
    """The value that the gate has released. Raises TypeError for anything else, `Denied` too: a mistake of the caller."""
    if type(released) is not Released or not released.genuine:
        raise TypeError(f"only what the privacy gate has released can be written, not {type(released).__name__}")
    if not isinstance(released.value, kind):
        raise TypeError(f"{kind.__name__} is expected, {type(released.value).__name__} was released")
    return released.value
