"""What a run changes in who is who, and what it has to know of earlier runs for that: the values between `lifecycle`, which works
changes out, and `log`, which knows the past and writes them down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Changes", "Former", "History", "Merge", "Part", "Redirect", "Retired"]


@dataclass(frozen=True)
class Merge:
    """`retired` is an alias of `survivor` now."""

    retired: str
    survivor: str


@dataclass(frozen=True)
class Part:
    """`person_id`, new or revived, was made of members of `parent`."""

    person_id: str
    parent: str


@dataclass(frozen=True)
class Redirect:
    """The retired id leads to this living person now."""

    retired: str
    living: str


@dataclass(frozen=True)
class Retired:
    """A retired person: the one it was merged into, the runs that made and retired it."""

    person_id: str
    into_id: str
    created_run: int
    retired_run: int


@dataclass(frozen=True)
class Former:
    """A person as it was before a run changed it: the retired ids that led to it, and the members (kind, id) whose origin was one
    of these, with that. `shape` is a hash of all its members."""

    shape: bytes
    person_id: str
    run: int
    retired: tuple[str, ...]
    origins: dict[tuple[str, str], str]


class History(Protocol):
    """What the log knows of persons; asked only about those whose cluster changed."""

    def created_runs(self, person_ids: Sequence[str]) -> list[int]:
        """The run that made each person."""
        ...

    def retired_into(self, person_id: str) -> list[Retired]:
        """All retired persons under a living one."""
        ...

    def origins(self, person_id: str) -> list[tuple[str, str, str]]:
        """Kind, id and origin of a person's members whose origin is another person."""
        ...

    def former(self, shape: bytes) -> Former | None:
        """The person that last had exactly the members of this hash."""
        ...

    def current(self, person_id: str) -> str | None:
        """The living person behind an id, itself or by alias; None where no members are left."""
        ...


@dataclass(frozen=True)
class Changes:
    """What a run changes. Node numbers index the run's subjects; all sequences are in order of node or id."""

    person_of_cluster: dict[int, str]
    """Person id by anchor node, for every cluster."""
    created: list[int]
    """Anchors of clusters with a new person id."""
    merges: list[Merge]
    splits: list[Part]
    """New persons made of members of another."""
    revived: list[Part]
    """Retired persons that live again."""
    redirected: list[Redirect]
    emptied: list[str]
    """Persons none of whose members are left in the lake."""
    joined: list[int]
    """Nodes new in the lake that became members of a person that was there."""
    moved: list[tuple[int, str]]
    """Nodes whose person changed, with the earlier person."""
    origins: list[tuple[int, str | None]]
    """Nodes whose origin changed, with the person; None where it is the person that they are in."""
    former: list[Former]
    """Every person that changes, as it was before; `run` is not known yet and 0."""
