"""The OpenAPI document is complete: ids, summaries, tags, examples, every failure, the security of every operation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.http.app import create_app
from api.settings import Settings

OPEN = {"/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("no-home") / "home"
    made = create_app(Settings(home=folder)).openapi()
    assert not folder.exists(), "the document needs no home"
    return json.loads(json.dumps(made))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        place: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        schema = place
    return schema


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert resolved(document, {"$ref": reference})


def test_every_operation_has_its_own_id_and_a_known_tag(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for *_, operation in operations(document)]
    assert len(ids) == len(set(ids)) >= 25
    tags = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert len(operation["tags"]) == 1, (path, method)
        assert set(operation["tags"]) <= tags, (path, method)


def test_the_paths_are_those_of_the_design(document: dict[str, Any]) -> None:
    assert {
        "/v1/identities/{kind}/{id}",
        "/v1/identities/{kind}/{id}/why",
        "/v1/persons/{person_id}",
        "/v1/persons/{person_id}/tags",
        "/v1/persons/{person_id}/tags/{tag_id}/why",
        "/v1/persons/{person_id}/recommendations",
        "/v1/tags",
        "/v1/audiences",
        "/v1/audiences/dry-run",
        "/v1/audiences/seed-report",
        "/v1/audiences/overlap",
        "/v1/audiences/{audience_id}",
        "/v1/audiences/{audience_id}/insights",
        "/v1/audiences/{audience_id}/refresh",
        "/v1/audiences/{audience_id}/versions",
        "/v1/audiences/{audience_id}/exports",
        "/v1/audiences/{audience_id}/exports/{export_id}",
        "/v1/audiences/{audience_id}/members",
        "/v1/subgraphs",
        "/v1/queries",
        "/v1/queries/{name}",
        "/v1/consents",
        *(f"/v1/{call}" for call in ("batch", "track", "identify", "page", "screen", "alias", "group")),
        *OPEN,
    } == set(document["paths"])


def test_every_success_has_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        successes = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert successes, (path, method)
        for status, answer in successes.items():
            if status == "204":
                continue
            shown = [part for media, part in answer["content"].items() if "parquet" not in media]
            assert shown, (path, method)
            for part in shown:
                schema = resolved(document, part.get("schema", {}))
                defaults = [resolved(document, p).get("default") for p in schema.get("properties", {}).values()]
                assert part.get("example") or part.get("examples") or all(defaults), (path, method, status)


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    bodies = [(path, operation["requestBody"]) for path, _, operation in operations(document) if "requestBody" in operation]
    assert len(bodies) >= 11
    for path, body in bodies:
        part = body["content"]["application/json"]
        assert part.get("example") or part.get("examples") or resolved(document, part["schema"]).get("examples"), path


def test_every_failure_is_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        failures = {status: answer for status, answer in operation["responses"].items() if status[0] not in "23"}
        for status, answer in failures.items():
            part = answer["content"]["application/problem+json"]
            assert part["schema"] == {"$ref": "#/components/schemas/ProblemBody"}, (path, method, status)
            assert part["example"]["status"] == int(status)
            assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
        if path not in OPEN:
            assert {"401", "403", "413", "422", "429", "500", "503"} <= set(failures), (path, method)
        if "{" in path and method != "post":
            assert "404" in failures, (path, method)


def test_every_operation_under_v1_needs_a_key(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        schemes = {name for alternative in operation.get("security", []) for name in alternative}
        if path in OPEN:
            assert not schemes, path
        elif operation["tags"] == ["collector"]:
            assert schemes == {"key", "keyHeader", "writeKey"}, path
        else:
            assert schemes == {"key", "keyHeader"}, (path, method)
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_names_of_components_are_allowed(document: dict[str, Any]) -> None:
    for kind in document["components"].values():
        for name in kind:
            assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


def test_examples_of_bodies_fit_their_own_schema() -> None:
    from pydantic import TypeAdapter

    from api.http.routers.audiences import _NEW
    from api.http.schemas import audiences, collector, operations

    for module in (audiences, collector, operations):
        for name in module.__all__:
            model = getattr(module, name)
            for example in (getattr(model, "model_config", {}).get("json_schema_extra") or {}).get("examples", []):
                assert model.model_validate(example)
    for example in _NEW.values():
        assert TypeAdapter(audiences.NewAudience).validate_python(example["value"])


def test_every_reading_operation_may_be_asked_conditionally(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if path not in OPEN:
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("If-None-Match" in names) == (method == "get"), path
            assert ("304" in operation["responses"]) == (method == "get"), path
            assert ("ETag" in operation["responses"].get("200", {}).get("headers", {})) == (method == "get"), path
