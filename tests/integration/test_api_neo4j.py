"""The API on a real Neo4j: audiences written to the server and asked for; a server that is down is 503, look-ups go on."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from api_home import Planted, bearer, device, graph_of
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from api.workspace import Workspace

pytest_plugins = ("api_fixtures",)

RULE = {"kind": "rule", "name": "French", "rule": {"all": [{"attribute": "country", "one_of": ["FR"]}]}}
COUNT = "MATCH (:Person)-[:MEMBER_OF]->(a:Audience {audience_id: $id}) RETURN count(*) AS people"


@pytest.fixture
def unreachable(planted: Planted) -> Iterator[TestClient]:
    """The application with a server's address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"bolt://neo4j:planted-password@127.0.0.1:{taken.getsockname()[1]}"
        log = io.StringIO()
        with TestClient(create_app(Settings(home=planted.home, graph_url=url), log_stream=log)) as client:
            yield client
        assert "planted-password" not in log.getvalue()


def test_a_store_that_is_down_is_503_and_look_ups_go_on(unreachable: TestClient, planted: Planted) -> None:
    headers = bearer(planted.full)
    before = unreachable.get("/v1/audiences?limit=1000", headers=headers).json()["items"]
    answers: list[Any] = [
        unreachable.get("/readyz"),
        unreachable.post("/v1/audiences", json=RULE, headers=headers),
        unreachable.post("/v1/queries/data_freshness", json={"parameters": {}}, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert "127.0.0.1" not in answer.text
        assert "planted" not in answer.text
    assert unreachable.get("/v1/audiences?limit=1000", headers=headers).json()["items"] == before
    assert unreachable.get("/healthz").status_code == 200
    assert unreachable.get(f"/v1/identities/device/{device(300)}", headers=headers).status_code == 200


def test_audiences_and_queries_on_neo4j(planted: Planted, empty_neo4j: str) -> None:
    settings = Settings(home=planted.home, graph_url=empty_neo4j)
    workspace = Workspace.open(settings)
    with workspace.store(read_only=False) as store:
        store.replace(graph_of(workspace))
    headers = bearer(planted.full)
    with TestClient(create_app(settings, log_stream=io.StringIO())) as client, workspace.store() as store:
        assert client.get("/readyz").status_code == 200
        made = client.post("/v1/audiences", json=RULE, headers=headers)
        assert made.status_code == 201, made.text
        audience_id = made.json()["audience_id"]
        (row,) = store.execute(COUNT, {"id": audience_id})
        assert row["people"] - row["people"] % 10 == made.json()["size"] > 0
        found = client.post("/v1/queries/who_is_device", json={"parameters": {"device_id": device(300)}}, headers=headers)
        assert found.status_code == 200, found.text
        assert found.json()["rows"][0]["kind"] == "mobile"
        changed = RULE | {"rule": {"all": [{"attribute": "country", "one_of": ["FR", "JP"]}], "none": [{"tag": "running"}]}}
        assert client.put(f"/v1/audiences/{audience_id}", json=changed, headers=headers).status_code == 200
        control = client.app.state.resources.control  # type: ignore[attr-defined]
        members = "MATCH (p:Person)-[:MEMBER_OF]->(:Audience {audience_id: $id}) RETURN p.person_id AS person"
        there = {row["person"] for row in store.execute(members, {"id": audience_id})}
        assert there == set(control.audiences.members(audience_id)["person_id"].to_pylist())
        assert there != set(control.audiences.members(audience_id, version=1)["person_id"].to_pylist())
        assert client.delete(f"/v1/audiences/{audience_id}", headers=headers).status_code == 204
        assert store.execute(COUNT, {"id": audience_id})[0]["people"] == 0
