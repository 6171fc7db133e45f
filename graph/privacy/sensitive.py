"""Is an audience about something sensitive? In: its definition, the sensitive tags. Out: yes or no.

A definition is any JSON. Every text in it counts, wherever it stands: a sensitive tag makes the audience sensitive, and the id
of another audience is followed, since whoever is in one made of a sensitive audience tells the same. One that is not there any
more may have been about anything, so that it counts as sensitive; of one that is there every definition counts that it ever had,
since its people may have been taken over under an earlier one. Neither deleting an audience nor defining it anew launders it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from graph.control import AUDIENCE_PREFIX, Audiences, texts_of

__all__ = ["is_sensitive"]


def is_sensitive(definition: Mapping[str, Any], tenant_id: str, tags: Container[str], audiences: Audiences) -> bool:
    """True when the definition, or an audience of the tenant that it is made from, names a sensitive tag."""
    seen: set[str] = set()
    waiting = [definition]
    while waiting:
        for text in texts_of(waiting.pop()):
            if text in tags:
                return True
            if text.startswith(AUDIENCE_PREFIX) and text not in seen:
                seen.add(text)
                others = audiences.definitions(text, tenant_id)
                if not others:
                    return True
                waiting += others
    return False
