"""A taxonomy as a value: tags with parents, in file order. Comes from `gnn.taxonomy.load`; goes to the graph as TAGS rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from graph.interests import TAGS

__all__ = ["Tag", "Taxonomy"]


@dataclass(frozen=True)
class Tag:
    """One tag. `path` is the readable way from the root, `Interest | Sports | Cricket`; `name` its last step."""

    tag_id: str
    name: str
    path: str
    parent_id: str | None
    sensitive: bool


@dataclass(frozen=True)
class Taxonomy:
    """Tags of one taxonomy. `name` stands in the graph's Tag.taxonomy."""

    name: str
    tags: tuple[Tag, ...]

    def __len__(self) -> int:
        return len(self.tags)

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)

    def leaves(self) -> tuple[Tag, ...]:
        """Tags that are nobody's parent."""
        parents = {t.parent_id for t in self.tags}
        return tuple(t for t in self.tags if t.tag_id not in parents)

    def children_of(self, tag_id: str) -> tuple[Tag, ...]:
        """Tags right below one."""
        return tuple(t for t in self.tags if t.parent_id == tag_id)

    def table(self) -> pa.Table:
        """As `graph.interests.TAGS` rows."""
        return pa.Table.from_pylist(
            [
                {"tag_id": t.tag_id, "name": t.name, "taxonomy": self.name, "sensitive": t.sensitive, "parent_id": t.parent_id}
                for t in self.tags
            ],
            schema=TAGS,
        )
