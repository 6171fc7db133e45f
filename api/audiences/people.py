"""Who meets a rule: a mask over the people of a resolution, from their tags, attributes, counts, events and other audiences.

Only people of class `person` can be in an audience: shared devices and bots stay out. A tag that nobody has scores matches
nobody; so does an attribute value that nobody has. Conditions are answered set by set: one question to the lake for each
attribute and for each 64 conditions on events, however many people there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from threading import Lock
from typing import Protocol, TypeAlias, assert_never

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.audiences.activity import Activity
from api.audiences.attributes import Attributes
from api.http.schemas.audience_rules import (
    AttributeCondition,
    AudienceCondition,
    Condition,
    CountCondition,
    EventCondition,
    MoneyCondition,
    RecencyCondition,
    RuleGroup,
    ScoreCondition,
    TagCondition,
)
from graph.resolution import Resolution

__all__ = ["AudiencePeople", "Mask", "RulePeople", "TagScores"]

Mask: TypeAlias = NDArray[np.bool_]
_Masks: TypeAlias = Mapping[str, NDArray[np.uint8]]
AudiencePeople: TypeAlias = Callable[[str], pa.Array]
"""Ids of the people of another audience."""


class TagScores(Protocol):
    """Probabilities of tags."""

    def at_least(self, tag_id: str, minimum: float) -> pa.Array:
        """Ids of the people whose probability of the tag reaches the minimum; empty for an unknown tag."""


class RulePeople:
    """The people that rules choose from: those of one resolution, in its order. Safe to share between threads."""

    def __init__(
        self,
        resolution: Resolution,
        connect: Callable[[], duckdb.DuckDBPyConnection],
        scores: TagScores | None,
        clock: Callable[[], datetime],
    ) -> None:
        """`connect` opens the lake's views; `scores` is None where no model has been trained; `clock` tells which events are of
        the future."""
        self._resolution = resolution
        self.connect = connect
        self._scores = scores
        self._clock = clock
        self._opening = Lock()
        self._opened: tuple[Attributes, Activity] | None = None

    def matching(self, rule: RuleGroup, people_of: AudiencePeople) -> pa.Array:
        """Ids of the people who meet the rule; `people_of` gives those of the audiences that it names."""
        counted = {_key(c): c for c in rule.leaves() if isinstance(c, (EventCondition, MoneyCondition))}
        masks = dict(zip(counted, self._lake[1].counted(list(counted.values())), strict=True)) if counted else {}
        chosen = self._group(rule, people_of, masks) & self._eligible
        return self._ids.filter(pa.array(chosen))

    @property
    def _ids(self) -> pa.Array:
        return self._resolution.persons["person_id"].combine_chunks()

    @property
    def _eligible(self) -> Mask:
        found: Mask = pc.equal(self._resolution.persons["class"], "person").to_numpy()
        return found

    @property
    def _lake(self) -> tuple[Attributes, Activity]:
        """What the lake says of people; opened at the first question, since most views are asked none."""
        with self._opening:
            if self._opened is None:
                members = self._resolution.members
                rows = pc.index_in(members["person_id"], value_set=self._ids).cast(pa.int32())
                placed = pa.table({"kind": members["kind"], "id": members["id"], "row": rows})
                self._opened = (
                    Attributes(placed, self._resolution.persons.num_rows, self.connect),
                    Activity(placed, self._eligible, self.connect, self._clock),
                )
            return self._opened

    def _group(self, group: RuleGroup, people_of: AudiencePeople, masks: _Masks) -> Mask:
        mask = np.ones(self._resolution.persons.num_rows, dtype=bool)
        for condition in group.all:
            mask &= self._condition(condition, people_of, masks)
        if group.any:
            mask &= reduce(np.logical_or, (self._condition(c, people_of, masks) for c in group.any))
        for condition in group.none:
            mask &= ~self._condition(condition, people_of, masks)
        return mask

    def _condition(self, condition: Condition, people_of: AudiencePeople, masks: _Masks) -> Mask:
        match condition:
            case TagCondition():
                if self._scores is None:
                    return np.zeros(self._resolution.persons.num_rows, dtype=bool)
                return self._among(self._scores.at_least(condition.tag, condition.min_probability))
            case AttributeCondition():
                return self._lake[0].one_of(condition.attribute, condition.one_of)
            case CountCondition():
                counts = self._resolution.persons[condition.count].to_numpy()
                most = np.inf if condition.maximum is None else condition.maximum
                return np.asarray((counts >= condition.minimum) & (counts <= most), dtype=bool)
            case RecencyCondition():
                return self._lake[1].last_event(condition)
            case ScoreCondition():
                return self._lake[1].scored(condition)
            case EventCondition() | MoneyCondition():
                return np.unpackbits(masks[_key(condition)], count=self._resolution.persons.num_rows).astype(bool)
            case AudienceCondition():
                return self._among(people_of(condition.audience))
            case RuleGroup():
                return self._group(condition, people_of, masks)
            case _:
                assert_never(condition)

    def _among(self, person_ids: pa.Array) -> Mask:
        found: Mask = pc.is_in(self._ids, value_set=person_ids).to_numpy(zero_copy_only=False)
        return found


def _key(condition: EventCondition | MoneyCondition) -> str:
    return condition.model_dump_json()
