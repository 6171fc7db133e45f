"""Who meets a rule: a mask over the people of a resolution, from their tags, attributes and counts.

Only people of class `person` can be in an audience: shared devices and bots stay out. A tag that nobody has scores matches
nobody; so does an attribute value that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.http.schemas.audiences import AttributeCondition, CountCondition, RuleGroup, TagCondition
from graph.resolution import Resolution

__all__ = ["Mask", "RulePeople", "TagScores"]

Mask = NDArray[np.bool_]

# Attribute -> (lake view, its id column, kind of the member, column)
_ATTRIBUTES = {
    "country": ("accounts", "account_id", "account", "country"),
    "region": ("accounts", "account_id", "account", "region"),
    "source": ("accounts", "account_id", "account", "source"),
    "device_kind": ("devices", "device_id", "device", "kind"),
    "os": ("devices", "device_id", "device", "os"),
    "browser": ("devices", "device_id", "device", "browser"),
}


class TagScores(Protocol):
    """Probabilities of tags."""

    def at_least(self, tag_id: str, minimum: float) -> pa.Array:
        """Ids of the people whose probability of the tag reaches the minimum; empty for an unknown tag."""


class RulePeople:
    """The people that rules choose from: those of one resolution, in its order."""

    def __init__(
        self, resolution: Resolution, connect: Callable[[], duckdb.DuckDBPyConnection], scores: TagScores | None
    ) -> None:
        """`connect` opens the lake's views; `scores` is None where no model has been trained."""
        self._persons = resolution.persons
        self._members = resolution.members
        self._connect = connect
        self._scores = scores

    def matching(self, rule: RuleGroup) -> pa.Array:
        """Ids of the people who meet the rule."""
        eligible = pc.equal(self._persons["class"], "person").to_numpy()
        chosen = self._group(rule) & eligible
        return self._persons["person_id"].combine_chunks().filter(pa.array(chosen))

    def _group(self, group: RuleGroup) -> Mask:
        mask = np.ones(self._persons.num_rows, dtype=bool)
        for condition in group.all:
            mask &= self._condition(condition)
        if group.any:
            mask &= reduce(np.logical_or, (self._condition(c) for c in group.any))
        for condition in group.none:
            mask &= ~self._condition(condition)
        return mask

    def _condition(self, condition: TagCondition | AttributeCondition | CountCondition | RuleGroup) -> Mask:
        match condition:
            case TagCondition():
                if self._scores is None:
                    return np.zeros(self._persons.num_rows, dtype=bool)
                return self._among(self._scores.at_least(condition.tag, condition.min_probability))
            case AttributeCondition():
                return self._among(self._with_attribute(condition.attribute, condition.one_of))
            case CountCondition():
                counts = self._persons[condition.count].to_numpy()
                most = np.inf if condition.maximum is None else condition.maximum
                return np.asarray((counts >= condition.minimum) & (counts <= most), dtype=bool)
            case RuleGroup():
                return self._group(condition)

    def _among(self, person_ids: pa.Array) -> Mask:
        found: Mask = pc.is_in(self._persons["person_id"], value_set=person_ids).to_numpy()
        return found

    def _with_attribute(self, attribute: str, values: Sequence[str]) -> pa.Array:
        view, key, kind, column = _ATTRIBUTES[attribute]
        with self._connect() as connection:
            connection.register("members", self._members)
            found = connection.sql(
                f"SELECT DISTINCT person_id FROM {view} JOIN members ON id = {key} AND members.kind = ? "
                f'WHERE {view}."{column}" IN (SELECT unnest(?))',
                params=[kind, list(values)],
            ).to_arrow_table()
        return found["person_id"].combine_chunks().cast(pa.string())
