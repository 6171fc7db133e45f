"""Versions of audiences: what is kept of them, redefinition, cycles, what is due, leases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from graph.control import KEPT_VERSIONS, SEEDS, Audience, AudienceKind, Control, Definition, sqlite_url
from graph.errors import AudienceChanged, AudienceCycle, UnknownAudience

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        opened.tenants.ensure("acme", now=NOW)
        opened.tenants.ensure("other", now=NOW)
        yield opened


def made(control: Control, tenant: str = "acme", every: timedelta | None = None, **definition: object) -> Audience:
    return control.audiences.create(tenant, "runners", AudienceKind.RULE, definition, now=NOW, refresh_every=every)


def people(*ids: str) -> pa.Table:
    return pa.table({"person_id": pa.array(ids, pa.string())})


def define(**definition: object) -> Definition:
    return Definition("walkers", AudienceKind.RULE, definition)


def test_versions_count_who_came_and_went(control: Control) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    audience = made(control)
    sets: list[set[str]] = []
    for number in range(KEPT_VERSIONS + 5):
        sets.append({f"p{n}" for n in range(60) if draw.random() < 0.5})
        control.audiences.fill(audience.audience_id, people(*sorted(sets[-1])), now=NOW + number * HOUR)
    found = control.audiences.versions(audience.audience_id)
    assert [v.version for v in found] == list(range(len(sets), 0, -1)), seed
    for version in found:
        own = sets[version.version - 1]
        before = sets[version.version - 2] if version.version > 1 else set()
        told = (version.size, version.added, version.removed, version.at)
        assert told == (len(own), len(own - before), len(before - own), NOW + (version.version - 1) * HOUR), seed
        kept = control.audiences.members(audience.audience_id, version=version.version)["person_id"].to_pylist()
        assert set(kept) == (own if version.version > len(sets) - KEPT_VERSIONS else set()), seed
    page = control.audiences.versions(audience.audience_id, before=4, limit=2)
    assert [v.version for v in page] == [3, 2]


def test_a_new_definition_comes_with_its_people(control: Control) -> None:
    audience = made(control, every=HOUR, tag="running")
    control.audiences.fill(audience.audience_id, people("a"), now=NOW)
    seeds = pa.table({"kind": ["device"], "id": ["d1"]}, schema=SEEDS)
    other = Definition("walkers", AudienceKind.LOOKALIKE, {"size": 3.0}, seeds, timedelta(days=1))
    filled = control.audiences.fill(audience.audience_id, people("b", "c"), now=NOW + HOUR, definition=other)
    assert (filled.name, filled.kind, filled.definition, filled.version) == ("walkers", AudienceKind.LOOKALIKE, {"size": 3.0}, 2)
    assert (filled.refresh_every, filled.refresh_at) == (timedelta(days=1), NOW + HOUR + timedelta(days=1))
    assert control.audiences.seeds(audience.audience_id) == seeds
    assert control.audiences.definitions(audience.audience_id, "acme") == [{"tag": "running"}, {"size": 3.0}]
    assert control.audiences.definitions(audience.audience_id, "other") == []
    newest, oldest = control.audiences.versions(audience.audience_id)
    assert (newest.definition, newest.definition_before) == ({"size": 3.0}, {"tag": "running"})
    assert (oldest.definition, oldest.definition_before) == ({"tag": "running"}, None)


def test_people_chosen_by_an_earlier_definition_are_refused(control: Control) -> None:
    audience = made(control, tag="running")
    control.audiences.fill(audience.audience_id, people("b"), now=NOW, definition=define(tag="walking"))
    with pytest.raises(AudienceChanged):
        control.audiences.fill(audience.audience_id, people("a"), now=NOW, chosen_by=audience)
    assert control.audiences.members(audience.audience_id)["person_id"].to_pylist() == ["b"]
    control.audiences.delete(audience.audience_id, "acme")
    with pytest.raises(UnknownAudience):
        control.audiences.fill(audience.audience_id, people("a"), now=NOW, chosen_by=audience)


def test_a_definition_that_leads_back_to_its_audience_is_refused(control: Control) -> None:
    first = made(control)
    second = made(control, all=[{"audience": first.audience_id}])
    third = made(control, none=[{"any": [{"audience": second.audience_id}, {"audience": first.audience_id}]}])
    with pytest.raises(AudienceCycle) as caught:
        control.audiences.fill(first.audience_id, people("a"), now=NOW, definition=define(all=[{"audience": third.audience_id}]))
    way = caught.value.cycle
    assert way[0] == way[-1] == first.audience_id
    assert way[1] == third.audience_id
    assert " → ".join(way) in str(caught.value)
    with pytest.raises(AudienceCycle):
        control.audiences.fill(first.audience_id, people("a"), now=NOW, definition=define(seed=first.audience_id))
    found = control.audiences.get(first.audience_id, "acme")
    assert found is not None
    assert (found.version, found.definition, found.name) == (0, {}, "runners")
    foreign = made(control, "other", all=[{"audience": first.audience_id}])
    filled = control.audiences.fill(
        first.audience_id, people("a"), now=NOW, definition=define(all=[{"audience": foreign.audience_id}])
    )
    assert filled.version == 1, "another tenant's audience is as good as none"


def test_what_is_due_is_due_until_it_is_filled(control: Control) -> None:
    never, hourly, daily = made(control), made(control, every=HOUR), made(control, "other", every=timedelta(days=1))

    def due(now: datetime) -> list[str]:
        return [a.audience_id for a in control.audiences.due(now)]

    assert due(NOW + HOUR - timedelta(seconds=1)) == []
    assert due(NOW + HOUR) == [hourly.audience_id]
    assert due(NOW + timedelta(days=1)) == [hourly.audience_id, daily.audience_id]
    later = NOW + timedelta(days=1)
    control.audiences.fill(hourly.audience_id, people("a"), now=later)
    control.audiences.fill(never.audience_id, people("a"), now=later)
    assert due(later) == [daily.audience_id]
    assert due(later + HOUR) == [daily.audience_id, hourly.audience_id]
    control.audiences.postpone(hourly.audience_id, "no model", now=later + HOUR)
    assert due(later + HOUR) == [daily.audience_id]
    found = control.audiences.get(hourly.audience_id, "acme")
    assert found is not None
    assert (found.refresh_problem, found.version, found.refresh_at) == ("no model", 1, later + 2 * HOUR)
    assert control.audiences.fill(hourly.audience_id, people("a"), now=later).refresh_problem is None


def test_what_the_graph_lacks_is_known(control: Control) -> None:
    audience, _ = made(control), made(control)
    assert control.audiences.unpublished() == []
    filled = control.audiences.fill(audience.audience_id, people("a"), now=NOW)
    assert control.audiences.unpublished() == [filled]
    control.audiences.set_published(audience.audience_id, 1)
    assert control.audiences.unpublished() == []
    control.audiences.fill(audience.audience_id, people("b"), now=NOW)
    assert [(a.version, a.published) for a in control.audiences.unpublished()] == [(2, 1)]


def test_one_holder_has_a_lease_until_it_runs_out_or_is_given_back(control: Control) -> None:
    leases = control.leases
    assert leases.take("audiences", "a", now=NOW, seconds=60)
    assert leases.take("audiences", "a", now=NOW, seconds=60)
    assert not leases.take("audiences", "b", now=NOW + timedelta(seconds=59), seconds=60)
    assert leases.take("another", "b", now=NOW, seconds=60)
    assert leases.take("audiences", "b", now=NOW + timedelta(seconds=60), seconds=60)
    leases.give_back("audiences", "a")
    assert not leases.take("audiences", "a", now=NOW + timedelta(seconds=61), seconds=60)
    leases.give_back("audiences", "b")
    assert leases.take("audiences", "a", now=NOW + timedelta(seconds=61), seconds=60)
