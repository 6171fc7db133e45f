"""Which audiences a definition is made from. In: any JSON. Out: the ids of audiences that stand in it as texts, wherever.

A definition is not understood here; what an audience's id looks like is enough, and what is taken for one by mistake names none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["AUDIENCE_PREFIX", "audiences_in", "cycle_through", "texts_of"]

AUDIENCE_PREFIX = "aud-"
"""How every audience's id begins."""


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a JSON value, keys of objects too, and whole numbers as text (a tag id may have been given as one)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from texts_of(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts_of(inner)


def audiences_in(definition: Any) -> list[str]:
    """Ids of audiences that a definition names, each once, in the order of their first place."""
    return list(dict.fromkeys(text for text in texts_of(definition) if text.startswith(AUDIENCE_PREFIX)))


def cycle_through(audience_id: str, named: Iterable[str], names: Callable[[str], Iterable[str]]) -> list[str] | None:
    """The way from an audience that is to name `named` back to itself, both ends included; None where there is none. `names`
    gives what another audience names."""
    waiting = [[audience_id, other] for other in reversed(list(named))]
    seen: set[str] = set()
    while waiting:
        way = waiting.pop()
        if way[-1] == audience_id:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            waiting += [[*way, other] for other in names(way[-1])]
    return None
