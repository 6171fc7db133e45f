"""Health, metrics, logs, limits, and what failures say: never an identifier, a path, a body or a library's message."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_home import Planted, account, bearer, device, email
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from graph.control import Control, Scope

pytest_plugins = ("api_fixtures",)


def test_it_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/docs").status_code == 200


def test_unknown_addresses_and_methods(client: TestClient) -> None:
    assert client.get("/v2/tags").status_code == 404
    answer = client.put("/v1/tags")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["status"] == 405


def test_the_request_id_is_in_header_body_and_log(client: TestClient, log: io.StringIO) -> None:
    answer = client.get("/v2/tags")
    request_id = answer.headers["x-request-id"]
    assert answer.json()["request_id"] == request_id
    (line,) = [json.loads(x) for x in log.getvalue().splitlines() if request_id in x]
    assert (line["route"], line["status"], line["method"]) == ("unmatched", 404, "GET")


def test_logs_and_metrics_hold_no_identifier(
    client: TestClient, planted: Planted, log: io.StringIO, person_ids: dict[str, str]
) -> None:
    headers = bearer(planted.full)
    person = person_ids[device(800)]
    client.get(f"/v1/identities/device/{device(800)}?secret-parameter=1", headers=headers)
    client.get(f"/v1/identities/device/{device(1)}", headers=headers)
    client.get(f"/v1/identities/nonsense/{device(800)}", headers=headers)
    client.get(f"/v1/persons/{person}/tags", headers=headers)
    client.get(f"/{device(800)}")
    client.request(email(800).upper(), "/v1/tags", headers=headers)
    client.post("/v1/track", json={"userId": account(800), "event": email(800), "traits": {"email": email(800)}}, headers=headers)
    client.post(
        "/v1/consents", json={"consents": [{"subject_kind": "device", "subject_id": device(800), "gpc": 3}]}, headers=headers
    )
    client.get("/v1/tags", headers={"Authorization": f"Bearer tessera_{email(800)}_x", "X-Request-Id": device(800)})
    text = log.getvalue()
    metrics = client.get("/metrics").text
    assert "/v1/identities/{kind}/{id}" in text
    assert 'route="/v1/persons/{person_id}/tags"' in metrics
    for planted_text in (
        "planted",
        "example.org",
        "EXAMPLE",
        person,
        "secret-parameter",
        "nonsense",
        planted.full,
        "tessera_tessera",
    ):
        assert planted_text not in text
        assert planted_text not in metrics
    for line in text.splitlines():
        assert json.loads(line)


def test_refusals_repeat_no_value_and_no_foreign_name(client: TestClient, planted: Planted) -> None:
    bodies = [
        {"kind": "rule", "name": "x", email(1): 1, "rule": {"all": [{email(2): 1}, {"tag": 3}]}},
        {"kind": email(3)},
        {"kind": "lookalike", "name": "x", "seeds": [{"kind": email(4), "id": email(5)}], "size": email(6)},
        {"kind": "rule", "name": "x" * 300, "rule": {"all": [{"tag": "a", "min_probability": email(7)}]}},
    ]
    for body in bodies:
        answer = client.post("/v1/audiences", json=body, headers=bearer(planted.full))
        assert answer.status_code == 422
        assert answer.json()["errors"]
        assert "example.org" not in answer.text
    answer = client.post(
        "/v1/audiences",
        content=f'{{"name": "{email(8)}"'.encode(),
        headers={"Content-Type": "application/json"} | bearer(planted.full),
    )
    assert answer.status_code == 422
    assert "example.org" not in answer.text


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_413(client: TestClient, planted: Planted, declared: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    content = b"x" * 2_000_000 if declared else chunks()
    answer = client.post("/v1/audiences", content=content, headers=bearer(planted.full))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"kind": "rule", "rule": ' + b'{"all": [' * 20_000, b"\xff\xfe", b"", b"null", b"0"]
)
def test_hostile_bodies_are_refused(client: TestClient, planted: Planted, body: bytes) -> None:
    headers = {"Content-Type": "application/json"} | bearer(planted.full)
    answer = client.post("/v1/audiences", content=body, headers=headers)
    assert answer.status_code in (400, 422)


def test_a_key_over_its_rate_is_429(planted: Planted) -> None:
    app = create_app(Settings(home=planted.home, rate_limit_per_minute=5), log_stream=io.StringIO())
    with TestClient(app) as limited:
        statuses = [limited.get("/v1/tags", headers=bearer(planted.full)).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        answer = limited.get("/v1/tags", headers=bearer(planted.full))
        assert 1 <= int(answer.headers["retry-after"]) <= 12
        assert answer.json()["type"] == "urn:tessera:problem:rate-limited"
        assert limited.get("/v1/tags", headers=bearer(planted.foreign)).status_code == 200
        assert limited.get("/healthz").status_code == 200


def test_guessing_keys_is_slowed_down_and_locks_nobody_else_out(
    client: TestClient, planted: Planted, stranger: TestClient
) -> None:
    assert stranger.get("/v1/tags", headers=bearer(planted.full)).status_code == 200
    statuses = [stranger.get("/v1/tags", headers=bearer(f"guess-{n}")).status_code for n in range(70)]
    assert set(statuses[:60]) == {401}
    assert set(statuses[62:]) == {429}
    assert stranger.get("/v1/tags", headers=bearer(planted.full)).status_code == 200


def test_a_defect_is_a_500_without_details(tmp_path: Path) -> None:
    log = io.StringIO()
    app = create_app(Settings(home=tmp_path / "home"), log_stream=log)

    @app.get("/broken")
    def _broken() -> None:
        raise RuntimeError(f"planted defect about {email(1)}")

    with TestClient(app) as client:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    (line,) = [json.loads(x) for x in log.getvalue().splitlines() if '"defect"' in x]
    assert line["request_id"] == answer.json()["request_id"]
    assert line["error"] == "RuntimeError"
    assert line["place"].startswith("test_api_operation.py:")
    for text in (answer.text, log.getvalue()):
        assert "planted" not in text
        assert "Traceback" not in text


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path / "home"), log_stream=io.StringIO())
    with TestClient(app) as client:
        control: Control = app.state.resources.control
        now = datetime.now(UTC)
        control.tenants.ensure("acme", now=now)
        _, token = control.keys.create("acme", list(Scope), now=now)
        assert client.get("/readyz").status_code == 200
        for path in ("/v1/identities/device/x", "/v1/persons/x", "/v1/tags"):
            answer = client.get(path, headers=bearer(token))
            assert answer.status_code == 409, path
            assert "tessera run" in answer.json()["detail"]
        assert client.post("/v1/track", json={"userId": "a", "event": "b"}, headers=bearer(token)).status_code == 200


def test_documents_can_be_switched_off(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path / "home", docs_enabled=False), log_stream=io.StringIO())
    with TestClient(app) as client:
        assert client.get("/docs").status_code == 404
        assert client.get("/openapi.json").status_code == 404


_WITHOUT_TORCH = """
import io, sys
from pathlib import Path
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torch_geometric", "transformers", "sklearn", "neo4j"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing())
from starlette.testclient import TestClient
from api.http.app import create_app
from api.settings import Settings
home, token, device, person = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
seeds = [{"kind": "device", "id": f"planted-device-{n:04d}"} for n in range(100, 160)]
with TestClient(create_app(Settings(home=Path(home)), log_stream=io.StringIO())) as client:
    answers = [
        client.get(f"/v1/identities/device/{device}", headers=headers),
        client.get(f"/v1/persons/{person}/tags", headers=headers),
        client.post("/v1/audiences", json={"kind": "lookalike", "name": "x", "seeds": seeds, "size": 50}, headers=headers),
    ]
with TestClient(create_app(Settings(home=Path(home), graph_url="neo4j://u:p@127.0.0.1:1"), log_stream=io.StringIO())) as client:
    answers.append(client.get("/readyz"))
print([a.status_code for a in answers], answers[-1].json().get("extra"))
"""


def test_the_core_install_serves_without_torch_and_names_the_missing_extra(planted: Planted, person_ids: dict[str, str]) -> None:
    arguments = [str(planted.home), planted.full, device(300), person_ids[device(300)]]
    done = subprocess.run([sys.executable, "-c", _WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[200, 200, 201, 501] neo4j"
