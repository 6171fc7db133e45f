"""Which tags of the IAB taxonomies stand for an audience. In: an audience and its tags' taxonomies, or tags that somebody names.
Out: segments for OpenRTB, which say the same of everybody in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from gnn.taxonomy import load
from gnn.taxonomy.load import AUDIENCE, CONTENT
from graph.control import Audience
from graph.errors import InputError
from graph.privacy import Segment

__all__ = ["segments_of"]

# Numbers of the taxonomies in OpenRTB's list (community extension segtax).
_SEGTAX = {AUDIENCE: 4, CONTENT: 9}
_NAMED = {number: name for name, number in _SEGTAX.items()}


def segments_of(audience: Audience, tags: pa.Table | None, named: Sequence[str] = ()) -> tuple[Segment, ...]:
    """The segments that are named, as `4:243`; else the tags that the audience's rule asks of everybody, where they are of an IAB
    taxonomy. `tags` are the model's (`graph.interests.TAGS`), None without a model. Raises InputError for a name that is none,
    and where nothing is named or asked."""
    found = tuple(_named(text) for text in named) or tuple(_required(audience, tags))
    if not found:
        raise InputError(
            f"audience {audience.audience_id} asks for no tag of the IAB taxonomies; name what stands for it, such as 4:243 "
            "(4: Audience Taxonomy 1.1, 9: Content Taxonomy 3.1)"
        )
    return found


def _named(text: str) -> Segment:
    number, _, tag_id = text.partition(":")
    taxonomy = _NAMED.get(int(number)) if number.isdecimal() else None
    if taxonomy is None:
        raise InputError(f"segment {text!r} is none; write 4:ID (Audience Taxonomy 1.1) or 9:ID (Content Taxonomy 3.1)")
    for tag in load(taxonomy):
        if tag.tag_id == tag_id:
            return Segment(_SEGTAX[taxonomy], tag.tag_id, tag.name, tag.sensitive)
    raise InputError(f"segment {text!r}: {taxonomy} has no such tag")


def _required(audience: Audience, tags: pa.Table | None) -> Iterator[Segment]:
    asked = set(_tags_of_everybody(audience.definition.get("rule") or {}))
    for row in [] if tags is None else tags.to_pylist():
        if row["tag_id"] in asked and row["taxonomy"] in _SEGTAX:
            yield Segment(_SEGTAX[row["taxonomy"]], row["tag_id"], row["name"], bool(row["sensitive"]))


def _tags_of_everybody(group: Mapping[str, Any]) -> Iterator[str]:
    """Tags that everybody who meets the rule has: those under `all`, and a single one under `any`."""
    alternatives = group.get("any") or []
    for condition in [*(group.get("all") or []), *(alternatives if len(alternatives) == 1 else [])]:
        if "tag" in condition:
            yield condition["tag"]
        elif not {"attribute", "count"} & condition.keys():
            yield from _tags_of_everybody(condition)
