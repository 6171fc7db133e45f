"""Explanations add up to what the run decided, name no value that was compared, and say what keeps people apart."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from cross_device_world import World, simulate
from lake_tables import KEY, Rows, connect, lake_table, minutes, sign_ins

from graph.errors import InputError
from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import ResolveSettings, explain, resolve
from graph.resolve.assertions import assert_never, assert_same
from graph.resolve.contraction import ClusterRules
from graph.resolve.explain import explain_member
from graph.resolve.explain_grounds import Grounds
from graph.resolve.explanation import Explanation, Link
from graph.resolve.guards import Limits
from graph.resolve.log import IdentityLog

MARIA = {"given_name": "Maria", "family_name": "Montessori", "birth_date": "1980-01-02", "email": "maria@example.com"}
TWICE = [{"account_id": a, **MARIA} for a in ("a1", "a2")]
FIRST = ("Ada", "Bela", "Cleo", "Dina", "Emil", "Fritz", "Gerda", "Hugo", "Ines", "Jonas")
LAST = ("Abel", "Brandt", "Conrad", "Dietrich", "Engel", "Fuchs", "Gruber", "Haas", "Jung", "Keller")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


class Run:
    """A resolved lake, its explanations opened."""

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection, settings: ResolveSettings | None = None) -> None:
        self.home, self.connection, self.settings = home, connection, settings or ResolveSettings()
        self.resolution: Resolution = resolve(connection, home, key=KEY, settings=self.settings)
        self.grounds = Grounds(connection, home, KEY, self.resolution, self.settings)

    def explain(self, left: tuple[str, str], right: tuple[str, str]) -> Explanation:
        return explain(self.resolution, left, right, self.settings.rules, grounds=self.grounds)

    def member(self, kind: str, id_: str) -> Explanation:
        return explain_member(self.resolution, (kind, id_), grounds=self.grounds)


def run(home: Home, **tables: Rows) -> Run:
    return Run(home, connect(**tables))


def pieces_add_up(links: tuple[Link, ...]) -> None:
    """Parts to pieces, pieces to links."""
    for link in links:
        assert abs(link.score - math.fsum(p.weight for p in link.pieces)) <= 1e-9
        assert abs(link.probability - 1 / (1 + 2**-link.score)) <= 1e-9
        for piece in link.pieces:
            assert piece.note is None
            if piece.method in ("records", "records_within", "behaviour"):
                assert piece.parts
                assert abs(piece.weight - math.fsum(p.weight for p in piece.parts)) <= 1e-9
            if piece.age_days:
                assert 0 < piece.weight < piece.weight_before


# -- a population with every rule in it ------------------------------------------------------------------------------------------


def people(number: int, seed: int) -> dict[str, Rows]:
    """People with two accounts of one record, sometimes with a typing error, with devices of their own, some long not seen."""
    rng = random.Random(seed)
    accounts, events, relations = [], [], []
    for n in range(number):
        record = {
            "given_name": rng.choice(FIRST),
            "family_name": rng.choice(LAST),
            "birth_date": f"{rng.randint(1940, 2005)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
            "email": f"{n}.{rng.randint(100, 999)}@example.com",
        }
        for place in range(2):
            lacking = rng.choice(("email", "birth_date", "given_name"))
            typed = {**record, "family_name": record["family_name"].replace("e", "i" if rng.random() < 0.3 else "e")}
            accounts.append({"account_id": f"a{n}-{place}", **typed, **({lacking: None} if place else {})})
            start = -rng.choice((0, 400, 900)) * 24 * 60
            events += sign_ins(f"d{n}-{place}", f"a{n}-{rng.randint(0, 1)}", rng.randint(1, 4), start=start)
        if n % 5 == 0:
            events += sign_ins(f"d{n}-0", f"a{(n + 1) % number}-0", 1, start=9)
        if n % 7 == 0:
            ends = {"from_kind": "device", "from_id": f"d{n}-2", "to_kind": "account", "to_id": f"a{n}-0"}
            relations.append({**ends, "type": "alias", "at": minutes(0)})
    return {"accounts": accounts, "events": events, "relations": relations}


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = Home.open(tmp_path_factory.mktemp("population") / "home")
    with IdentityLog(home.identity) as log:
        assert_same(log, ("account", "a3-0"), ("account", "a4-0"), at=minutes(0), by="operator")
    return run(home, **people(60, seed=5))


def test_every_piece_of_evidence_for_one_person_is_in_an_explanation_that_adds_up(population: Run) -> None:
    scores: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for e in population.resolution.evidence.to_pylist():
        scores[e["left_kind"], e["left_id"], e["right_kind"], e["right_id"]].append(e["weight"])
    methods = set()
    for e in population.resolution.evidence.to_pylist():
        if e["weight"] <= 0:
            continue
        left, right = (e["left_kind"], e["left_id"]), (e["right_kind"], e["right_id"])
        found = population.explain(left, right)
        pieces_add_up(found.links)
        pieces_add_up(found.beside)
        (link,) = [k for k in (*found.links, *found.beside) if {k.left, k.right} == {left, right}]
        assert abs(link.score - math.fsum(scores[*left, *right])) <= 1e-9
        methods |= {p.method for p in link.pieces}
    assert {"sign_in", "records", "alias", "asserted_same"} <= methods


def test_every_belonging_has_an_explanation_whose_weights_are_its_confidence(population: Run) -> None:
    size: dict[str, int] = defaultdict(int)
    for m in population.resolution.members.to_pylist():
        size[m["person_id"]] += 1
    assert max(size.values()) > 3
    for m in population.resolution.members.to_pylist():
        found = population.member(m["kind"], m["id"])
        pieces_add_up(found.links)
        assert found.score is not None
        assert abs(found.score - math.fsum(p.weight for k in found.links for p in k.pieces)) <= 1e-9
        assert found.probability == pytest.approx(m["confidence"], abs=1e-9)
        if size[m["person_id"]] > 1:
            assert m["confidence"] == pytest.approx(1 / (1 + 2**-found.score), abs=1e-6)
        assert all((m["kind"], m["id"]) in (k.left, k.right) for k in (*found.links, *found.beside))


def test_no_value_of_a_record_is_in_an_explanation(population: Run) -> None:
    told = "\n".join(
        str(population.explain((e["left_kind"], e["left_id"]), (e["right_kind"], e["right_id"])))
        for e in population.resolution.evidence.to_pylist()
    )
    assert "given_name" in told
    for value in (*FIRST, *LAST, "example.com", "-01-", "1980"):
        assert value not in told


def test_age_says_what_it_took(population: Run) -> None:
    aged = [
        p
        for e in population.resolution.evidence.to_pylist()
        if e["method"] == "sign_in" and e["weight"] > 0
        for k in population.member(e["right_kind"], e["right_id"]).links
        for p in k.pieces
        if p.age_days
    ]
    assert aged
    for piece in aged:
        assert piece.weight == pytest.approx(piece.weight_before * 2 ** (-(piece.age_days or 0) / 730))
        assert (piece.age_days or 0) % 30 == 0
    fresh = [p.weight_before for p in aged if p.weight_before == pytest.approx(6)]
    assert fresh  # a sign-in of the only account on the only device of either, before it aged


def test_behaviour_is_opened_into_groups_of_features(home: Home) -> None:
    world = simulate(World(people=60, days=12, seed=3))
    found = Run(home, world.connection)
    rows = [e for e in found.resolution.evidence.to_pylist() if e["method"] == "behaviour" and e["weight"] != 0]
    assert len(rows) > 20
    named = set()
    for e in rows[:: len(rows) // 12]:
        explained = found.explain(("device", e["left_id"]), ("device", e["right_id"]))
        links = [*explained.links, *explained.beside]
        pieces_add_up(tuple(links))
        named |= {part.name for k in links for p in k.pieces for part in p.parts}
    assert {"prior", "networks", "together", "contents", "rhythm", "place", "kind", "bound"} == named
    plain = replace_grounds(found, behaviour=False)
    e = rows[0]
    for link in explain(found.resolution, ("device", e["left_id"]), ("device", e["right_id"]), grounds=plain).links:
        assert {p.note for p in link.pieces if p.method == "behaviour"} <= {"its parts are shown on the command line"}


def replace_grounds(found: Run, *, behaviour: bool) -> Grounds:
    return Grounds(found.connection, found.home, KEY, found.resolution, found.settings, behaviour=behaviour)


# -- two of one person -----------------------------------------------------------------------------------------------------------


def test_one_person_by_the_strongest_chain(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 5), *sign_ins("d2", "a2", 4)]
    found = run(home, events=events, accounts=[*TWICE, *people(20, seed=1)["accounts"]])
    told = found.explain(("device", "d1"), ("account", "a2"))
    assert told.same
    assert told.left_person == told.right_person
    assert [(str(k.left), str(k.right)) for k in told.links] == [("account:a1", "device:d1"), ("account:a1", "account:a2")]
    pieces_add_up(told.links)
    (records,) = told.links[1].pieces
    assert (records.method, records.sources) == ("records", ("test",))
    assert {p.name: p.level for p in records.parts}["birth_date"] == "equal"
    assert records.parts[0].name == "prior"
    assert records.parts[0].weight < 0
    assert told.links[0].pieces[0].first_seen is not None
    assert told.summary.endswith("by 2 links of evidence")


def test_direct_evidence_that_the_chain_goes_round_is_told_beside_it(home: Home) -> None:
    with IdentityLog(home.identity) as log:
        for other in ("a2", "d1"):
            kind = "account" if other == "a2" else "device"
            assert_same(log, ("account", "a1"), (kind, other), at=minutes(0), by="operator")
    events = [*sign_ins("d1", "a1", 9), *sign_ins("d1", "a2", 1), *sign_ins("d2", "a2", 9)]
    told = run(home, events=events).explain(("device", "d1"), ("account", "a2"))
    assert [len(told.links), told.score] == [2, None]
    (direct,) = told.beside
    assert {str(direct.left), str(direct.right)} == {"account:a2", "device:d1"}
    assert direct.score < told.links[0].score


def test_every_two_members_of_a_person_have_a_chain_and_no_two_persons_have(home: Home) -> None:
    found = run(home, events=[e for n in range(6) for e in sign_ins(f"d{n}", f"a{n // 3}", 2)], accounts=[{"account_id": "a9"}])
    members = [(r["kind"], r["id"], r["person_id"]) for r in found.resolution.members.to_pylist()]
    for kind, id_, person in members:
        for other_kind, other_id, other_person in members:
            told = found.explain((kind, id_), (other_kind, other_id))
            assert told.same == (person == other_person)
            assert bool(told.links) == (told.same and (kind, id_) != (other_kind, other_id))


def test_a_person_stands_for_its_members(home: Home) -> None:
    found = run(home, events=[*sign_ins("d1", "a1", 3), *sign_ins("d2", "a1", 3), *sign_ins("d3", "a3", 3)])
    one, other = (found.member("device", d).left_person for d in ("d1", "d3"))
    assert found.explain(("person", one), ("device", "d1")) == found.member("device", "d1")
    assert found.explain(("account", "a1"), ("person", one)) == found.member("account", "a1")
    whole = found.explain(("person", one), ("person", one))
    assert [str(k.right) for k in whole.links] == ["device:d1", "device:d2"]
    assert whole.summary == f"one person, {one}, of 3 members"
    apart = found.explain(("person", one), ("person", other))
    assert (apart.same, apart.links) == (False, ())


def test_what_has_changed_since_the_run_is_not_opened(home: Home) -> None:
    accounts = [*TWICE, *people(20, seed=1)["accounts"]]
    found = run(home, accounts=accounts)
    assert found.member("account", "a1").links[0].pieces[0].parts
    moved = [accounts[0], {**accounts[1], "birth_date": "1955-06-07"}, *accounts[2:]]
    found.connection.register("accounts", lake_table("accounts", moved))
    (piece,) = found.member("account", "a1").links[0].pieces
    assert (piece.parts, piece.note) == ((), "what it compared has changed since")
    assert piece.weight > 0
    found.connection.register("accounts", lake_table("accounts", accounts[:1]))
    assert found.member("account", "a1").links[0].pieces[0].note == "what it compared has changed since"


def test_evidence_is_told_without_parameters_that_cannot_be_read(home: Home) -> None:
    found = run(home, accounts=[*TWICE, *people(20, seed=1)["accounts"]])
    for path in (home.identity / "parameters").glob("*/records/model.json"):
        path.write_text("{")
    (piece,) = found.member("account", "a1").links[0].pieces
    assert piece.parts == ()
    assert "tessera resolve" in str(piece.note)


# -- why not ---------------------------------------------------------------------------------------------------------------------

OTHER = {"given_name": "Johannes", "family_name": "Zimmermann", "birth_date": "1991-07-30"}


@pytest.mark.parametrize(
    ("tables", "left", "right", "said"),
    [
        (
            {"accounts": [{"account_id": f"a{n:02d}", "email": "info@example.com"} for n in range(12)]},
            "a01",
            "a07",
            "generic with 12 holders",
        ),
        (
            {"events": [e for n in range(9) for e in sign_ins("kiosk", f"a{n}", 2)]},
            "a1",
            "a7",
            "device:kiosk, which is shared: sign-ins of 9 people",
        ),
        (
            {
                "accounts": [{"account_id": "a1", **MARIA}, {"account_id": "a2", **OTHER}],
                "events": [*sign_ins("d1", "a1", 99), *sign_ins("d1", "a2", 1)],
            },
            "a1",
            "a2",
            "evidence against: records (",
        ),
        ({"accounts": [{"account_id": "a1"}, {"account_id": "a2"}]}, "a1", "a2", "nothing links them"),
    ],
)
def test_why_not(home: Home, tables: dict[str, Rows], left: str, right: str, said: str) -> None:
    told = run(home, **tables).explain(("account", left), ("account", right))
    assert not told.same
    assert said in told.summary


def test_why_not_names_the_columns_that_differ(home: Home) -> None:
    accounts = [{"account_id": "a1", **MARIA}, {"account_id": "a2", **OTHER}]
    events = [*sign_ins("d1", "a1", 99), *sign_ins("d1", "a2", 1)]
    told = run(home, accounts=accounts, events=events).explain(("account", "a1"), ("account", "a2"))
    (block,) = [b for b in told.blocks if "against" in b]
    assert "given_name differs" in block
    assert "birth_date" in block


def test_why_not_an_operators_word(home: Home) -> None:
    with IdentityLog(home.identity) as log:
        assert_never(log, ("account", "a1"), ("account", "a2"), at=minutes(0), by="operator")
    told = run(home, accounts=[*TWICE, *people(20, seed=1)["accounts"]]).explain(("account", "a1"), ("account", "a2"))
    assert told.blocks[0] == "an operator said that account:a1 and account:a2 are never one person"
    assert not any("log2 odds" in block for block in told.blocks)
    assert {p.method for p in told.links[0].pieces} == {"records", "asserted_never"}


def test_why_not_a_unique_namespace(home: Home) -> None:
    accounts = [{"account_id": a, "source": "crm", **MARIA} for a in ("a1", "a2")]
    settings = ResolveSettings(limits=Limits(unique_namespaces=("crm", "shop")))
    told = Run(home, connect(accounts=accounts), settings).explain(("account", "a1"), ("account", "a2"))
    assert told.blocks[0] == "each has an id of crm, in which a person has one"


def test_why_not_too_many_members(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 3), *sign_ins("d2", "a1", 3)]
    settings = ResolveSettings(rules=ClusterRules(max_members=2))
    found = Run(home, connect(events=events), settings)
    apart = [d for d in ("d1", "d2") if not found.explain(("account", "a1"), ("device", d)).same]
    told = found.explain(("account", "a1"), ("device", apart[0]))
    assert told.blocks == ("together they would have 3 members, 1 account among them, more than a person may",)


def test_why_not_a_sign_in_that_has_expired(home: Home) -> None:
    long_ago = [{**e, "at": datetime(2010, 1, 1, tzinfo=UTC) + timedelta(days=n)} for n, e in enumerate(sign_ins("d1", "a1", 3))]
    told = run(home, events=[*long_ago, *sign_ins("d2", "a2", 400)]).explain(("account", "a1"), ("device", "d1"))
    assert told.blocks == ("3 sign-ins of account:a1 on device:d1, the last at 2010-01-03, expired",)


def test_why_not_a_weak_link_between_groups(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 30), *sign_ins("d2", "a2", 30), *sign_ins("d1", "a2", 7, start=7), *sign_ins("d3", "a2", 2)]
    told = run(home, events=events).explain(("account", "a2"), ("device", "d1"))
    assert not told.same
    assert told.links[0].pieces[0].method == "sign_in"
    assert "log2 odds, a join needs 4.0" in told.summary
    alone = explain_member(run(home, events=events).resolution, ("device", "d1"))
    assert [str(k.left) for k in alone.beside] == ["account:a2"]


def test_why_one_is_alone(home: Home) -> None:
    found = run(home, events=[e for n in range(9) for e in sign_ins("kiosk", f"a{n}", 2)])
    told = found.member("device", "kiosk")
    assert (told.links, told.probability) == ((), 1.0)
    assert [block.startswith("device:kiosk is shared: sign-ins of 9 people") for block in told.blocks] == [True]
    assert told.summary.startswith("a person of its own, ")


def test_one_that_is_not_there_is_a_one_line_error(home: Home) -> None:
    found = run(home, accounts=[{"account_id": "a1"}])
    with pytest.raises(InputError, match="device:a1 is no device or account of this home"):
        found.explain(("account", "a1"), ("device", "a1"))
    with pytest.raises(InputError, match="person:a1 is no person of this home"):
        found.explain(("account", "a1"), ("person", "a1"))
