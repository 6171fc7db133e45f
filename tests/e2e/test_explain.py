"""Explanations and profiles by the command line and over HTTP: a small home, its people, and what each may be told."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Tessera
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from graph.control import Control, Scope, sqlite_url
from graph.home import Home

FIRST = ("Ada", "Bela", "Cleo", "Dina", "Emil", "Fritz", "Gerda", "Hugo", "Ines", "Jonas")
REFUSES = "p7"
"""A person whose account objected; `p8` shares a device with `p9`, who objected too."""


def folder(path: Path) -> Path:
    """Ten people with two accounts, a telephone each; an account that ends in `/why`; a tablet on which two sign in."""
    path.mkdir()
    accounts = ["account_id,source,given_name,family_name,birth_date,email,city"]
    events: list[dict[str, Any]] = []
    consents = ["subject_kind,subject_id,purposes,at"]
    for n, name in enumerate(FIRST):
        born = f"19{50 + 3 * n}-0{n % 9 + 1}-1{n % 9}"
        accounts.append(f"p{n}-crm,crm,{name},Family{chr(97 + n)},{born},{name.lower()}@example.com,Town{n % 3}")
        accounts.append(f"p{n}-web,web,{name},Family{chr(97 + n)},{born},,City{n % 3}")
        events += [signed_in(f"phone-{n}", f"p{n}-crm", day) for day in range(1, 4)]
        if f"p{n}" != "p6":
            consents.append(f"account,p{n}-crm,{'' if f'p{n}' in (REFUSES, 'p9') else '1|3|4'},2026-03-01T00:00:00Z")
    accounts.append("p0/why,web,,,,,")
    consents.append("account,p0/why,1,2026-03-01T00:00:00Z")
    accounts.append("p1-crm/why,web,,,,,")
    events += [signed_in("phone-8", "p9-crm", day) for day in range(5, 6)]
    events += [signed_in("phone-8", "p8-crm", day) for day in range(6, 20)]
    (path / "accounts.csv").write_text("\n".join(accounts))
    (path / "consents.csv").write_text("\n".join(consents))
    (path / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    return path


def signed_in(device: str, account: str, day: int) -> dict[str, Any]:
    return {
        "event_id": f"{device}-{account}-{day}",
        "at": f"2026-03-{day:02d}T10:00:00Z",
        "device_id": device,
        "account_id": account,
    }


@dataclass(frozen=True)
class Served:
    """The API over the home, with a key."""

    client: TestClient
    key: str
    narrow: str

    def why(self, address: str, **query: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.get(f"/v1/identities/{address}", params=query, headers={"Authorization": f"Bearer {self.key}"})
        return answer.status_code, {k: v for k, v in answer.json().items() if k != "request_id"}


@pytest.fixture(scope="module")
def tessera(tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    base = tmp_path_factory.mktemp("explain")
    made = Tessera(base / "home")
    made("ingest", folder(base / "source"), "--quiet")
    made("resolve", "--quiet")
    return made


@pytest.fixture(scope="module")
def served(tessera: Tessera) -> Iterator[Served]:
    key = tessera("key", "create", "--scope", "all", "--name", "all").out.strip()
    narrow = tessera("key", "create", "--scope", Scope.PERSONS.value, "--name", "narrow").out.strip()
    with TestClient(create_app(Settings(home=tessera.home, rate_limit_per_minute=100_000))) as client:
        yield Served(client, key, narrow)


def audit(tessera: Tessera) -> list[tuple[str, str, str | None]]:
    control = Control(sqlite_url(Home.open(tessera.home).control))
    try:
        return [(e.actor, e.action, e.subject) for e in control.audit.latest(5)]
    finally:
        control.close()


# -- the command line ------------------------------------------------------------------------------------------------------------


def test_two_accounts_are_explained_by_the_columns_that_agree(tessera: Tessera) -> None:
    found = tessera.json("explain", "account:p0-crm", "account:p0-web")
    assert found["same"]
    (piece,) = found["links"][0]["pieces"]
    assert piece["method"] == "records"
    assert math.fsum(p["weight"] for p in piece["parts"]) == pytest.approx(piece["weight"], abs=1e-9)
    levels = {p["name"]: p["level"] for p in piece["parts"]}
    assert (levels["birth_date"], levels["city"]) == ("equal", "differs")
    assert "email" not in levels  # one of the two has none
    shown = tessera("explain", "account:p0-crm", "account:p0-web").out
    assert shown.startswith(found["summary"])
    assert "birth_date" in shown
    assert not any(value in shown + json.dumps(found) for value in ("Ada", "1950", "Familya"))


def test_one_alone_is_explained_by_its_links_to_the_others(tessera: Tessera) -> None:
    found = tessera.json("explain", "account:p0-crm")
    assert {tuple(link["right"]) for link in found["links"]} == {("account", "p0-web"), ("device", "phone-0")}
    assert found["score"] == pytest.approx(math.fsum(link["score"] for link in found["links"]))
    assert found == tessera.json("explain", f"person:{found['left_person']}", "account:p0-crm")
    assert tessera("explain", "account:p0-crm").out.startswith("of person ")


def test_retired_ids_lead_to_the_living(tessera: Tessera, tmp_path: Path) -> None:
    shutil.copytree(tessera.home, tmp_path / "home")
    own = Tessera(tmp_path / "home")
    before = {a: own.json("explain", f"account:{a}")["left_person"] for a in ("p1-crm", "p2-crm")}
    own("identity", "same", "account:p1-crm", "account:p2-crm", "--quiet")
    living = own.json("explain", "account:p1-crm")["left_person"]
    (retired,) = set(before.values()) - {living}
    assert own.json("explain", f"person:{retired}", "account:p1-crm") == own.json("explain", "account:p1-crm")
    assert own.json("identity", "profile", retired) == own.json("identity", "profile", living)
    assert "asserted_same" in json.dumps(own.json("explain", f"person:{retired}"))


def test_a_profile_has_values_sources_and_conflicts_and_is_audited(tessera: Tessera) -> None:
    person = tessera.json("explain", "account:p0-crm")["left_person"]
    found = tessera.json("identity", "profile", person)
    assert found["members"] == ["account:p0-crm", "account:p0-web", "device:phone-0"]
    by_name = {a["attribute"]: a for a in found["attributes"]}
    assert (by_name["given_name"]["value"], by_name["given_name"]["rows"]) == ("Ada", 2)
    assert (by_name["email"]["member"], by_name["email"]["source"]) == ("account:p0-crm", "crm")
    city = {by_name["city"]["value"], *(c["value"] for c in by_name["city"]["conflicts"])}
    assert city == {"Town0", "City0"}
    for source, value in (("web", "City0"), ("crm", "Town0")):
        trusted = tessera.json("identity", "profile", person, "--trust", source)
        assert {a["attribute"]: a["value"] for a in trusted["attributes"]}["city"] == value
    assert "Ada" in tessera("identity", "profile", person).out
    assert audit(tessera)[0] == ("operator", "export profile", "profile")


def test_there_is_no_profile_of_somebody_who_objected_or_is_not_there(tessera: Tessera) -> None:
    person = tessera.json("explain", f"account:{REFUSES}-crm")["left_person"]
    said = tessera.refuses("identity", "profile", person)
    assert "objected" in said
    assert "Hugo" not in said
    assert audit(tessera)[0] == ("operator", "export profile", "profile")
    assert "no person of this home" in tessera.refuses("identity", "profile", "p-nobody")


# -- HTTP ------------------------------------------------------------------------------------------------------------------------


def test_over_http_two_are_explained_as_on_the_command_line(tessera: Tessera, served: Served) -> None:
    status, found = served.why("account/p0-crm/why", to_kind="account", to_id="p0-web")
    assert status == 200
    told = tessera.json("explain", "account:p0-crm", "account:p0-web")
    assert [link["pieces"] for link in found["links"]] == [link["pieces"] for link in told["links"]]
    assert found["summary"] == told["summary"]
    assert (status, found) == served.why("account/p0-crm/why", other_kind="account", other_id="p0-web")


def test_over_http_one_alone_is_explained(served: Served) -> None:
    status, found = served.why("account/p0-crm/why")
    assert status == 200
    assert {link["left"]["id"] for link in found["links"]} == {"p0-crm"}
    assert {link["right"]["id"] for link in found["links"]} == {"p0-web", "phone-0"}
    assert found["score"] == pytest.approx(math.fsum(link["score"] for link in found["links"]))
    _, identity = served.why("account/p0-crm")
    assert found["probability"] == pytest.approx(identity["confidence"], abs=1e-9)


def test_an_id_that_ends_in_why_is_looked_up_where_it_may_be(served: Served) -> None:
    assert served.why("account/p0/why")[1]["id"] == "p0/why"
    assert "links" in served.why("account/p0%2Fwhy/why")[1]
    assert "links" in served.why("account/p1-crm/why")[1]  # that `p1-crm/why` is there as well nobody has permitted to be told


@pytest.mark.parametrize("query", [{"to_kind": "account"}, {"to_id": "p0-web"}, {"to_kind": "person", "to_id": "x"}])
def test_half_a_question_is_invalid(served: Served, query: dict[str, str]) -> None:
    assert served.why("account/p0-crm/why", **query)[0] == 422


def test_who_refuses_or_says_nothing_is_as_one_who_is_not_there(served: Served) -> None:
    absent = served.why("account/nobody/why")
    assert absent[0] == 404
    assert served.why("account/nobody/why", to_kind="account", to_id="p0-crm") == absent
    for silent in (f"{REFUSES}-crm", "p6-crm", f"{REFUSES}-web"):
        assert served.why(f"account/{silent}/why") == absent
        assert served.why(f"account/{silent}/why", to_kind="account", to_id="p0-crm") == absent
        assert served.why("account/p0-crm/why", to_kind="account", to_id=silent) == absent


def test_who_does_not_permit_it_is_named_by_a_kind_alone(tessera: Tessera, served: Served) -> None:
    told = tessera.json("explain", "device:phone-8")
    assert [link["left"] for link in told["beside"]] == [["account", "p9-crm"]]
    status, found = served.why("device/phone-8/why")
    assert status == 200
    (beside,) = found["beside"]
    assert beside["left"] == {"kind": "account", "id": None}
    assert beside["right"] == {"kind": "device", "id": "phone-8"}
    assert "p9" not in json.dumps(found)


def test_it_needs_the_scope_of_the_other_look_ups(served: Served) -> None:
    for key, status in ((served.narrow, 403), ("none", 401)):
        answer = served.client.get("/v1/identities/account/p0-crm/why", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status
