"""Who is in an audience. In: a definition, and a view of the home. Out: people who permit it, and what became of listed seeds.

The same definition on the same view gives the same people, as long as nobody gives or withdraws consent and the audiences that it
names hold whom they held.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.audiences.definition import AnyAudience, listed_seeds
from api.audiences.ground import Ground
from api.http.schemas.audience_rules import AudienceCondition
from api.http.schemas.audiences import LookalikeAudience, RuleAudience
from api.http.schemas.insights import SeedReportRequest
from api.http.view import View
from gnn.lookalike import Positions, Reach, build
from gnn.lookalike.known import as_ids, places_among
from graph.errors import NothingResolved, TooFewSeeds, UnknownAudience
from graph.privacy import Use, purpose_of

__all__ = ["Chosen", "Seeded", "SeedsFound", "choose", "count", "seeds_of"]

_MIN_SEEDS = 10
"""Threat: a lookalike of very few people tells what those few are like. Unit: people."""


@dataclass(frozen=True)
class SeedsFound:
    """Listed seeds: how many, how many of them word for word again, and how many people they are who permit the use."""

    given: int
    repeated: int
    usable: int


@dataclass(frozen=True)
class Chosen:
    """People (`person_id`, and `score` of lookalikes, best first), and what became of listed seeds."""

    members: pa.Table
    seeds: SeedsFound | None = None


def choose(ground: Ground, tenant_id: str, definition: AnyAudience) -> Chosen:
    """The people of an audience. Raises UnknownAudience for one that it names and the tenant has not, TooFewSeeds,
    NothingResolved, ModelError, MissingExtra."""
    view = ground.view
    match definition:
        case RuleAudience():
            return Chosen(pa.table({"person_id": _by_rule(ground, view, tenant_id, definition)}))
        case LookalikeAudience():
            seeded = seeds_of(ground, tenant_id, definition)
            return Chosen(_alike(ground, tenant_id, definition, seeded), seeded.found)


def count(ground: Ground, tenant_id: str, definition: AnyAudience) -> tuple[int, SeedsFound | None]:
    """How many people an audience would have, and what would become of listed seeds. Raises as `choose`."""
    view = ground.view
    match definition:
        case RuleAudience():
            return len(_by_rule(ground, view, tenant_id, definition)), None
        case LookalikeAudience():
            seeded = seeds_of(ground, tenant_id, definition)
            if definition.min_similarity is None and not definition.subtract:
                size = definition.size or math.ceil(seeded.positions.allowed_persons * (definition.ratio or 0))
                return min(size, seeded.positions.allowed_persons - seeded.usable), seeded.found
            return _alike(ground, tenant_id, definition, seeded).num_rows, seeded.found


def _by_rule(ground: Ground, view: View, tenant_id: str, definition: RuleAudience) -> pa.Array:
    """Permitted people who meet the rule."""

    def people_of(audience_id: str) -> pa.Array:
        return _people_of(ground, tenant_id, audience_id)

    for condition in definition.rule.leaves():
        if isinstance(condition, AudienceCondition) and ground.control.audiences.get(condition.audience, tenant_id) is None:
            raise UnknownAudience(condition.audience)  # before any work
    return _permitted(view, view.people.matching(definition.rule, people_of))


def _permitted(view: View, person_ids: pa.Array) -> pa.Array:
    return person_ids.filter(pa.array(_permits(view, person_ids)))


def _permits(view: View, person_ids: pa.Array) -> NDArray[np.bool_]:
    """Consent holds when people are chosen, and again at each release."""
    consents = view.gate.consents
    return consents.allowed(person_ids, purpose_of(Use.AUDIENCE)) & consents.individuals(person_ids)


def _people_of(ground: Ground, tenant_id: str, audience_id: str) -> pa.Array:
    audience = ground.control.audiences.get(audience_id, tenant_id)
    if audience is None:
        raise UnknownAudience(audience_id)
    return ground.control.audiences.members(audience_id)["person_id"].combine_chunks()


@dataclass(frozen=True)
class Seeded:
    """What a lookalike starts from: `people` of the model with their `positions`, of whom those are allowed who permit it, and
    distinct person ids as `seeds`, so many of them `usable`; `found` of listed ones."""

    people: pa.Array
    positions: Positions
    seeds: pa.Array
    usable: int
    found: SeedsFound | None


def _alike(ground: Ground, tenant_id: str, definition: LookalikeAudience, seeded: Seeded) -> pa.Table:
    """person_id and score, best first."""
    away = pa.chunked_array([_people_of(ground, tenant_id, audience) for audience in definition.subtract], pa.string())
    reach = Reach(definition.size, definition.ratio, definition.min_similarity)
    found = build(seeded.positions, seeded.people, seeded.seeds, reach, excluded=away)
    return found.table.select(["person_id", "score"])


def seeds_of(ground: Ground, tenant_id: str, definition: LookalikeAudience | SeedReportRequest) -> Seeded:
    """Seeds that a lookalike may start from. Raises UnknownAudience, TooFewSeeds, NothingResolved."""
    view = ground.view
    placed = view.interests.placed
    if placed is None:
        raise NothingResolved(view.workspace.home.path, "model", "tessera train")
    people, positions = placed[0], placed[1].only(_permits(view, placed[0]))
    listed = listed_seeds(definition)
    of_audience = definition.seed_audience_id or ""
    seeds = as_ids(_people_of(ground, tenant_id, of_audience) if listed is None else _people_behind(view, listed))
    usable = len(positions.among(places_among(people, seeds)))
    if usable < _MIN_SEEDS or usable == positions.allowed_persons:
        raise TooFewSeeds(_MIN_SEEDS)
    found = None
    if listed is not None:
        different = listed.group_by(["kind", "id"]).aggregate([]).num_rows
        found = SeedsFound(listed.num_rows, listed.num_rows - different, usable)
    return Seeded(people, positions, seeds, usable, found)


def _people_behind(view: View, listed: pa.Table) -> pa.Array:
    """Person ids of listed devices and accounts, those that are known."""
    members = view.resolution.members
    people = members["person_id"].combine_chunks()
    rows = []
    for kind in ("device", "account"):
        wanted = pc.unique(listed["id"].filter(pc.equal(listed["kind"], kind)))
        of_kind = np.flatnonzero(pc.equal(members["kind"], kind).to_numpy(zero_copy_only=False))
        there = pc.is_in(members["id"].take(of_kind), value_set=wanted).to_numpy(zero_copy_only=False)
        rows.append(of_kind[there])
    return people.take(pa.array(np.concatenate(rows)))
