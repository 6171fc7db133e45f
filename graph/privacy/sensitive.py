"""Is an audience about something sensitive? In: an audience, the sensitive tags. Out: yes or no.

A definition is any JSON. Every text in it counts, wherever it stands: a sensitive tag makes the audience sensitive, and the id
of another audience is followed, since a lookalike of a sensitive audience tells the same. One that is not there any more may
have been about anything, so that it counts as sensitive: deleting the seeds launders nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from graph.control import AUDIENCE_PREFIX, Audience, Audiences

__all__ = ["is_sensitive"]


def is_sensitive(audience: Audience, tags: Container[str], audiences: Audiences) -> bool:
    """True when the audience, or one that it is made from, names a sensitive tag."""
    seen: set[str] = set()
    waiting = [audience]
    while waiting:
        current = waiting.pop()
        seen.add(current.audience_id)
        for text in _texts(current.definition):
            if text in tags:
                return True
            if text.startswith(AUDIENCE_PREFIX) and text not in seen:
                other = audiences.get(text, current.tenant_id)
                if other is None:
                    return True
                waiting.append(other)
    return False


def _texts(value: Any) -> Iterator[str]:
    """Every text of a JSON value, keys of objects too, and whole numbers as text (a tag id may have been given as one)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
