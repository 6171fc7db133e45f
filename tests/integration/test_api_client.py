"""The typed client against the running API: models in and out, files, names of requests, failures."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from api_fuzzing import running
from api_home import COUNTRIES, TAGS, UNKNOWN, Planted, account, device

from api.client import ApiProblem, Client
from api.http.schemas.audiences import ExportRequest
from api.http.schemas.collector import Track
from api.http.schemas.operations import ConsentBody, ConsentsBody, QueryRequest, SubgraphRequest
from api.settings import Settings
from tests.e2e.generated_client import document

pytest_plugins = ("api_fixtures",)


@pytest.fixture(scope="module")
def address(planted: Planted) -> Iterator[str]:
    with running(Settings(home=planted.home, subject_limit_per_minute=1000), io.StringIO()) as found:
        yield found


@pytest.fixture
def tessera(address: str, planted: Planted) -> Iterator[Client]:
    with Client(address, planted.full) as opened:
        yield opened


def test_people(tessera: Client) -> None:
    found = tessera.get_identity("device", device(900))
    assert {(m.kind, m.id) for m in found.members} == {("device", device(900)), ("account", account(900))}
    person = tessera.get_person(found.person_id)
    assert person.members == found.members
    tags = tessera.get_person_tags(person.person_id, limit=2).tags
    assert 1 <= len(tags) <= 2
    assert tessera.explain_identity("device", device(900), to_kind="account", to_id=account(900)).same
    assert [tag.tag_id for tag in tessera.list_tags().items] == list(TAGS)
    assert tessera.healthz().status == "ok"
    assert b"tessera_http_requests_total" in tessera.metrics()


def test_audiences_and_files(tessera: Client) -> None:
    from pydantic import TypeAdapter

    from api.http.schemas.audiences import NewAudience

    rule = {"all": [{"attribute": "country", "one_of": list(COUNTRIES)}]}
    body = TypeAdapter(NewAudience).validate_python({"kind": "rule", "name": "client", "rule": rule})
    name = str(uuid.uuid4())
    made = tessera.create_audience(body, idempotency_key=name)
    assert tessera.create_audience(body, idempotency_key=name) == made
    assert made in tessera.list_audiences(limit=1000).items
    export = tessera.create_export(made.audience_id, ExportRequest(recipient="client"))
    file = tessera.download_export(made.audience_id, export.export_id, format="csv")
    assert len(file.splitlines()) == export.rows + 1
    assert len(tessera.list_members(made.audience_id, recipient="client", limit=7).items) == 7
    assert b"<graphml" in tessera.create_subgraph(SubgraphRequest(recipient="client", format="graphml"))
    tessera.delete_audience(made.audience_id)
    with pytest.raises(ApiProblem) as raised:
        tessera.get_audience(made.audience_id)
    assert raised.value.status == 404
    assert raised.value.problem is not None
    assert raised.value.problem.type == "urn:tessera:problem:not-found"


def test_what_is_said_and_asked(tessera: Client) -> None:
    said = ConsentBody(subject_kind="account", subject_id=account(UNKNOWN), at=datetime.now(UTC), purposes=[1, 3, 4, 6, 9])
    assert tessera.record_consents(ConsentsBody(consents=[said])).recorded == 1
    assert tessera.collect_track(Track(anonymousId=device(900), event="Seen"), sec_gpc="0").success
    rows = tessera.run_query("who_is_device", QueryRequest(parameters={"device_id": device(900)})).rows
    assert rows[0]["device_id"] == device(900)


def test_refusals_say_how_long_to_wait(planted: Planted, address: str) -> None:
    with Client(address, "nonsense") as stranger, pytest.raises(ApiProblem, match="no-key"):
        stranger.list_tags()
    hurried = Settings(home=planted.home, rate_limit_per_minute=1)
    with running(hurried, io.StringIO()) as slow, Client(slow, planted.full) as client:
        client.list_tags()
        with pytest.raises(ApiProblem) as raised:
            client.list_tags()
    assert raised.value.status == 429
    assert 1 <= (raised.value.retry_after_seconds or 0) <= 60


def test_the_document_is_the_one_that_is_served(address: str) -> None:
    import httpx

    assert httpx.get(f"{address}/openapi.json").json() == document()
