"""Rules over a small random world against a plain computation, person by person."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from api.audiences.people import RulePeople
from api.http.schemas.audience_rules import RuleGroup
from graph.database import connect
from graph.resolution import EVIDENCE, HAS_IDENTIFIER, IDENTIFIERS, MEMBERS, NETWORKS, PERSONS, SEEN_ON, SIGNED_IN, Resolution
from graph.tables import lake_schema

NEWEST = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLOCK = NEWEST + timedelta(days=3)
COUNTRIES = ("DE", "FR", "JP")
TYPES = ("page", "purchase", "search")
CONTENTS = {"c0": ["shoes"], "c1": ["shoes", "sale"], "c2": ["books"], "c3": None, "c4": []}
CURRENCIES = ("EUR", "USD", None)


@dataclass
class Somebody:
    """A person as the oracle sees it."""

    person_id: str
    class_: str
    countries: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    members: list[tuple[str, str]] = field(default_factory=list)

    def within(self, days: float | None, **wanted: Any) -> list[dict[str, Any]]:
        since = None if days is None else NEWEST - timedelta(days=days)
        return [e for e in self.events if (since is None or e["at"] >= since) and all(e[k] in v for k, v in wanted.items())]

    def money(self, currency: str, days: float | None = None) -> Decimal | None:
        paid = [e["value"] for e in self.within(days) if e["currency"] == currency and e["value"] is not None]
        return sum((Decimal(str(v)) for v in paid), Decimal(0)) if paid else None


class Scores:
    """Every second person has the tag."""

    def at_least(self, tag_id: str, minimum: float) -> pa.Array:
        chosen = [f"p{n}" for n in range(0, 300, 2)] if tag_id == "even" and minimum <= 0.8 else []
        return pa.array(chosen, pa.string())


@dataclass
class World:
    people: list[Somebody]
    rules: RulePeople

    def matching(self, rule: dict[str, Any], audiences: dict[str, list[str]] | None = None) -> set[str]:
        named = audiences or {}
        found = self.rules.matching(RuleGroup.model_validate(rule), lambda a: pa.array(named[a], pa.string())).to_pylist()
        assert len(found) == len(set(found))
        return set(found)

    def expected(self, test: Callable[[Somebody], bool]) -> set[str]:
        return {p.person_id for p in self.people if p.class_ == "person" and test(p)}


def _event(number: int, draw: random.Random, subject: tuple[str, str]) -> dict[str, Any]:
    content = draw.choice([None, *CONTENTS])
    kind, identifier = subject
    return {
        "event_id": f"e{number}",
        "at": NEWEST - timedelta(hours=draw.choice([0, 1, 24, 24 * 7, 24 * 7 + 1, 24 * 30, draw.randrange(24 * 200)])),
        "device_id": identifier if kind == "device" else draw.choice([None, "d0"]),
        "account_id": identifier if kind == "account" else None,
        "type": draw.choice(TYPES),
        "content_id": content,
        "value": draw.choice([None, 0.1, 0.2, 19.99, -5.0, draw.random() * 100]),
        "currency": draw.choice(CURRENCIES),
        "bot": False,
    }


def _opened(tables: dict[str, list[dict[str, Any]]]) -> Callable[[], duckdb.DuckDBPyConnection]:
    made = {
        name: pa.Table.from_pylist([{c: row.get(c) for c in lake_schema(name).names} for row in rows], schema=lake_schema(name))
        for name, rows in tables.items()
    }

    def open_lake() -> duckdb.DuckDBPyConnection:
        connection = connect()
        for name, table in made.items():
            connection.register(name, table)
        return connection

    return open_lake


@pytest.fixture(scope="module")
def world() -> World:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    people = [Somebody(f"p{n}", draw.choice(["person"] * 8 + ["shared", "bot"])) for n in range(300)]
    accounts, devices, events, members = [], [], [], []
    for n, person in enumerate(people):
        for kind, count in (("device", draw.randrange(3)), ("account", draw.randrange(1, 3))):
            for i in range(count):
                identifier = f"{kind[0]}{n}-{i}" if n or i or kind == "account" else "d0"
                person.members.append((kind, identifier))
                members.append({"kind": kind, "id": identifier, "person_id": person.person_id, "class": person.class_})
                if kind == "account":
                    country = draw.choice([*COUNTRIES, None])
                    accounts.append({"account_id": identifier, "country": country})
                    person.countries |= {country} - {None}
                else:
                    devices.append({"device_id": identifier, "kind": "mobile"})
        for _ in range(draw.choice([0, 1, 3, 12])):
            event = _event(len(events), draw, draw.choice(person.members))
            events.append(event)
            fits = CONTENTS.get(event["content_id"]) or []
            person.events += [event | {"category": c} for c in fits[:1]] or [event | {"category": None}]
    events.append(_event(len(events), draw, people[5].members[0]) | {"at": CLOCK + timedelta(days=1)})  # of the future
    events.append(_event(len(events), draw, people[6].members[0]) | {"at": CLOCK, "bot": True})
    newest = _event(len(events), draw, people[7].members[0]) | {"at": NEWEST}
    people[7].events.append(newest | {"category": (CONTENTS.get(newest["content_id"]) or [None])[0]})
    events.append(newest)
    contents = [{"content_id": c, "category": categories} for c, categories in CONTENTS.items()]
    counts = [{"devices": sum(k == "device" for k, _ in p.members), "accounts": len(p.members)} for p in people]
    persons = [{"person_id": p.person_id, "class": p.class_, **c} for p, c in zip(people, counts, strict=True)]
    resolution = Resolution(
        pa.Table.from_pylist(members, schema=MEMBERS),
        pa.Table.from_pylist(persons, schema=PERSONS),
        EVIDENCE.empty_table(),
        SIGNED_IN.empty_table(),
        HAS_IDENTIFIER.empty_table(),
        IDENTIFIERS.empty_table(),
        SEEN_ON.empty_table(),
        NETWORKS.empty_table(),
    )
    lake = _opened({"accounts": accounts, "devices": devices, "events": events, "contents": contents})
    return World(people, RulePeople(resolution, lake, Scores(), lambda: CLOCK))


def _latest(person: Somebody) -> datetime | None:
    return max((e["at"] for e in person.events), default=None)


def _spent(person: Somebody, currency: str, least: float, most: float, days: float | None = None) -> bool:
    money = person.money(currency, days)
    return money is not None and Decimal(str(least)) <= money <= Decimal(str(most))


CASES: list[tuple[dict[str, Any], Callable[[Somebody], bool]]] = [
    ({"all": [{"attribute": "country", "one_of": ["DE", "JP"]}]}, lambda p: bool(p.countries & {"DE", "JP"})),
    ({"all": [{"tag": "even", "min_probability": 0.8}]}, lambda p: int(p.person_id[1:]) % 2 == 0),
    ({"all": [{"tag": "even", "min_probability": 0.9}]}, lambda p: False),
    ({"all": [{"last_event": "within", "days": 7}]}, lambda p: bool(p.within(7))),
    ({"all": [{"last_event": "over", "days": 7}]}, lambda p: bool(p.events) and not p.within(7)),
    ({"none": [{"last_event": "within", "days": 30}]}, lambda p: not p.within(30)),
    ({"all": [{"events": {}, "minimum": 3}]}, lambda p: len(p.events) >= 3),
    ({"all": [{"events": {}, "minimum": 0, "maximum": 1}]}, lambda p: len(p.events) <= 1),
    ({"all": [{"events": {"types": ["purchase"]}, "minimum": 2}]}, lambda p: len(p.within(None, type=["purchase"])) >= 2),
    (
        {"all": [{"events": {"types": ["purchase", "page"], "contents": ["c0", "c2"]}, "within_days": 30}]},
        lambda p: bool(p.within(30, type=["purchase", "page"], content_id=["c0", "c2"])),
    ),
    ({"all": [{"events": {"categories": ["shoes"]}, "minimum": 2}]}, lambda p: len(p.within(None, category=["shoes"])) >= 2),
    (
        {"any": [{"events": {"categories": ["sale"]}, "within_days": 1}, {"events": {"contents": ["no such"]}}]},
        lambda p: bool(p.within(1, content_id=["c1"])),
    ),
    ({"all": [{"spent": "EUR", "minimum": 20}]}, lambda p: _spent(p, "EUR", 20, 1e9)),
    ({"all": [{"spent": "USD", "maximum": 20, "within_days": 30}]}, lambda p: _spent(p, "USD", -1e9, 20, 30)),
    (
        {"all": [{"spent": "EUR", "minimum": 1, "within_days": 7}, {"spent": "USD", "minimum": 1}]},
        lambda p: _spent(p, "EUR", 1, 1e9, 7) and _spent(p, "USD", 1, 1e9),
    ),
    ({"all": [{"spent": "JPY", "minimum": -1}]}, lambda p: False),
    ({"all": [{"audience": "aud-1"}], "none": [{"audience": "aud-2"}]}, lambda p: p.person_id in {"p1", "p3"}),
    (
        {"all": [{"any": [{"events": {}, "minimum": 10}, {"none": [{"events": {}}]}]}], "none": [{"tag": "even"}]},
        lambda p: (len(p.events) >= 10 or not p.events) and int(p.person_id[1:]) % 2 == 1,
    ),
]


@pytest.mark.parametrize(("rule", "expected"), CASES, ids=[str(rule)[:70] for rule, _ in CASES])
def test_a_rule_finds_whom_a_plain_computation_finds(
    world: World, rule: dict[str, Any], expected: Callable[[Somebody], bool]
) -> None:
    audiences = {"aud-1": ["p1", "p2", "p3", "gone"], "aud-2": ["p2"]}
    assert world.matching(rule, audiences) == world.expected(expected)


def test_many_conditions_on_events_are_each_their_own(world: World) -> None:
    """More than one pass takes at once: the bits of the second begin anew."""
    for start in (0, 60):
        rule = {
            "any": [{"events": {"types": ["search"]}, "minimum": 1, "maximum": 1, "within_days": 300 + n} for n in range(start)]
            + [{"events": {"contents": ["c2"], "types": ["page"]}, "minimum": 1, "within_days": d} for d in (1, 7, 30, 200, 201)]
        }
        found = world.expected(
            lambda p, start=start: (  # type: ignore[misc]
                bool(p.within(201, content_id=["c2"], type=["page"])) or (start > 0 and len(p.within(None, type=["search"])) == 1)
            )
        )
        assert world.matching(rule) == found


@pytest.mark.parametrize("score", ["recency", "frequency", "money"])
def test_fifths_hold_a_fifth_each_and_are_in_order(world: World, score: str) -> None:
    currency = {"currency": "EUR"} if score == "money" else {}

    def value(person: Somebody) -> Any:
        if score == "money":
            return person.money("EUR")
        return (_latest(person) if score == "recency" else len(person.events)) if person.events else None

    values = {p.person_id: value(p) for p in world.people if p.class_ == "person" and value(p) is not None}
    fifth = {p: 1 + 5 * sum(float_(other) < float_(own) for other in values.values()) // len(values) for p, own in values.items()}
    for number in range(1, 6):
        condition = {"score": score, "minimum": number, "maximum": number, **currency}
        assert world.matching({"all": [condition]}) == {p for p, f in fifth.items() if f == number}
    assert world.matching({"all": [{"score": score, **currency}]}) == set(values)


def float_(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


def test_the_same_question_gives_the_same_people_in_the_same_order(world: World) -> None:
    rule = RuleGroup.model_validate({"all": [{"spent": "EUR", "minimum": 1}, {"last_event": "within", "days": 60}]})
    once, again = (world.rules.matching(rule, lambda a: pa.array([], pa.string())) for _ in range(2))
    assert once.equals(again)
