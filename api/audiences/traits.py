"""What people have: tags, values of attributes, contents that they read. In: a view, and two groups of people. Out: exact counts
of the people in each who have it, for the privacy gate; and the told ones in an order, the surest first.

A person has a tag from a probability of ½ on, as in rules. A content is its reader's where an event of theirs, no bot's, names
it; the event is its account's where it has one, else its device's. Ids are as texts of kept definitions: `content:ID`,
`attribute:VALUE`.

index  (a + ½)/(A + 1) ÷ (p + ½)/(P + 1), of a of A people in the audience and p of P of everybody, without the halves
order  by log index − 1.96 √(1/a − 1/A + 1/p − 1/P), the lower bound of its 95 % interval (Katz et al., 1978), so that rare things
       do not win by chance
"""

from __future__ import annotations

from math import log, sqrt
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from api.audiences.definition import CONTENT_PREFIX
from api.http.schemas.insights import AudienceInsights, Insight
from api.http.view import View
from graph.privacy import AudienceTraits, Trait, Use

__all__ = ["Of", "as_insights", "counted", "use_of"]

Of = Literal["tags", "attributes", "contents"]
_HAS_TAG = 0.5
_Z = 1.96
_ATTRIBUTES = {"account": ("country", "region", "source"), "device": ("kind", "os", "browser")}
_NAMES = {"kind": "device_kind"}
_CONTENTS = """
WITH read AS (
  SELECT DISTINCT events.content_id AS id, people.row AS row, people.inside AS inside FROM events JOIN people
  ON people.kind = CASE WHEN events.account_id IS NOT NULL THEN 'account' ELSE 'device' END
     AND people.id = coalesce(events.account_id, events.device_id)
  WHERE events.content_id IS NOT NULL AND events.bot IS NOT TRUE
)
SELECT read.id AS id, coalesce(any_value(contents.title), read.id) AS name, count(DISTINCT row) FILTER (inside) AS people,
       count(DISTINCT row) AS population
FROM read LEFT JOIN contents ON contents.content_id = read.id GROUP BY read.id HAVING people > 0
"""


def use_of(of: Of) -> Use:
    """What people must permit to be counted."""
    return Use.CONTENT_STATISTICS if of == "contents" else Use.STATISTICS


def counted(view: View, of: Of, people: pa.Array, everybody: pa.Array) -> list[Trait]:
    """Traits that somebody of `people` has; `everybody` contains them. Raises ModelError."""
    if of == "tags":
        return _tags(view, people, everybody)
    members = view.resolution.members
    rows = pc.index_in(members["person_id"], value_set=everybody)
    inside = pc.is_in(members["person_id"], value_set=people)
    placed = pa.table({"kind": members["kind"], "id": members["id"], "row": rows, "inside": inside}).filter(rows.is_valid())
    with view.people.connect() as connection:
        connection.register("people", placed)
        found = connection.sql(_CONTENTS if of == "contents" else _attributes()).to_arrow_table().to_pylist()
    prefix = CONTENT_PREFIX if of == "contents" else ""
    return [Trait(prefix + row["id"], row["name"], row["people"], row["population"]) for row in found]


def as_insights(told: AudienceTraits, limit: int) -> AudienceInsights:
    """Of what the gate told: the `limit` first, by the bound above."""
    of, among = told.people, told.population
    if of is None or among is None:
        return AudienceInsights(people=of, items=[])
    best = sorted(told.traits, key=lambda trait: (-_bound(trait, of, among), trait.trait_id))[:limit]
    items = []
    for trait in best:
        inside, outside = min(trait.people / of, 1.0), min(trait.population / among, 1.0)
        items.append(
            Insight(
                id=trait.trait_id.removeprefix(CONTENT_PREFIX),
                name=trait.name,
                audience_share=round(inside, 4),
                population_share=round(outside, 4),
                index=round(inside / outside, 3),
            )
        )
    return AudienceInsights(people=of, items=items)


def _bound(trait: Trait, people: int, population: int) -> float:
    a, p = min(trait.people, people), min(trait.population, population)
    ratio = log((a + 0.5) / (people + 1)) - log((p + 0.5) / (population + 1))
    return ratio - _Z * sqrt(max(1 / a - 1 / people + 1 / p - 1 / population, 0.0))


def _tags(view: View, people: pa.Array, everybody: pa.Array) -> list[Trait]:
    model = view.interests.model
    if model is None:
        return []
    inside, outside = model.people_with(_HAS_TAG, people, everybody)
    return [
        Trait(tag, view.interests.name_of(tag), int(inside[column]), int(outside[column]))
        for column, tag in enumerate(model.tag_ids)
        if inside[column]
    ]


def _attributes() -> str:
    """Of all attributes at once."""
    parts = []
    for kind, columns in _ATTRIBUTES.items():
        for column in columns:
            name = _NAMES.get(column, column)
            having = f'SELECT {kind}s."{column}" AS value, people.row, people.inside FROM {kind}s JOIN people'
            parts.append(
                f"SELECT '{name}:' || value AS id, value AS name, count(DISTINCT row) FILTER (inside) AS people, "
                f"count(DISTINCT row) AS population FROM ({having} ON people.kind = '{kind}' AND people.id = {kind}s.{kind}_id) "
                "WHERE value IS NOT NULL GROUP BY value HAVING people > 0"
            )
    return " UNION ALL ".join(parts)
