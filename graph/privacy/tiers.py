"""Tags coarse enough to release: each rolled up to the second tier of its taxonomy, leaves and sensitive ones left out.

In: a snapshot's Tag nodes and PARENT relationships (child to parent). Out: for each tag, the name of its second-tier tag. Five
leaf tags make almost everybody unique; one second-tier tag does not. In a taxonomy without tiers every tag is a leaf: none is
left.
"""

from __future__ import annotations

from collections.abc import Container

import pyarrow as pa

__all__ = ["second_tier"]


def second_tier(tags: pa.Table, parents: pa.Table, sensitive: Container[str]) -> dict[str, str]:
    """Tag id to the name of the second-tier tag over it (or itself). A tag is left out when it, or a tag over it, is sensitive
    (flagged, or its id or name in `sensitive`), and when the second-tier tag is a leaf."""
    parent = dict(zip(parents["source"].to_pylist(), parents["target"].to_pylist(), strict=True))
    inner = set(parent.values())
    columns = (tags[c].to_pylist() for c in ("tag_id", "name", "sensitive"))
    names: dict[str, str] = {}
    denied: set[str] = set()
    for tag, name, flagged in zip(*columns, strict=True):
        names[tag] = name or tag
        if flagged or tag in sensitive or name in sensitive:
            denied.add(tag)
    found: dict[str, str] = {}
    for tag in names:
        path = [tag]
        while path[-1] in parent and parent[path[-1]] not in path:
            path.append(parent[path[-1]])
        if len(path) >= 2 and path[-1] not in parent and path[-2] in inner and denied.isdisjoint(path):
            found[tag] = names.get(path[-2], path[-2])
    return found
