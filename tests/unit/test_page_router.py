"""The page as it is served: headers that forbid foreign scripts and markup, ETags, GET alone, and files that hold together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings

STATIC = {file.name: file.read_text(encoding="utf-8") for file in files("api.page").joinpath("static").iterdir()}
ADDRESSES = ["/", *sorted(f"/page/{name}" for name in STATIC if name != "index.html")]


def opened(tmp_path: Path, **settings: bool) -> TestClient:
    """An app that never opens its home: the page needs none."""
    return TestClient(create_app(Settings(home=tmp_path / "home", **settings)), follow_redirects=False)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return opened(tmp_path_factory.mktemp("no-home"))


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_file_comes_with_its_headers(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["form-action"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].split(";")[0] in ("text/html", "text/css", "text/javascript", "image/svg+xml")


def test_what_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/").headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client.get("/", headers={"If-None-Match": named})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for other in ('"other"', tag.strip('"'), ""):
        assert client.get("/", headers={"If-None-Match": other}).status_code == 200
    assert client.get("/page/main.js").headers["etag"] != tag


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_is_only_read(client: TestClient, method: str) -> None:
    for address in ADDRESSES[:2]:
        answer = client.request(method, address)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "path", ["/page/", "/page/index.html", "/page/../router.py", "/page/%2e%2e/router.py", "/page/absent.js"]
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    client = opened(tmp_path, page_enabled=False)
    assert client.get("/").headers["location"] == "/docs"
    assert [a for a in ADDRESSES[1:] if client.get(a).status_code != 404] == []
    assert opened(tmp_path, page_enabled=False, docs_enabled=False).get("/").status_code == 204


def references() -> Iterator[tuple[str, str]]:
    for name, text in STATIC.items():
        for found in re.findall(r'(?:from|import) "\./([^"]+)"|(?:src|href)="/page/([^"]+)"', text):
            yield name, next(filter(None, found))


def test_every_file_is_used_and_there() -> None:
    named = {target for _, target in references()}
    assert {(name, target) for name, target in references() if target not in STATIC} == set()
    assert set(STATIC) - named == {"index.html"}


# Ways in which text becomes markup or script, and addresses of other hosts; the name of the SVG namespace is not fetched.
_UNSAFE = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|localStorage|cookie\b *="
_FOREIGN = r"""https?://(?!www\.w3\.org/2000/svg)|["'(]//"""


@pytest.mark.parametrize("name", sorted(STATIC))
def test_no_file_makes_markup_of_data_or_asks_others(name: str) -> None:
    assert re.findall(_UNSAFE, STATIC[name]) == []
    assert re.findall(_FOREIGN, STATIC[name]) == []
    assert len(STATIC[name].splitlines()) <= 300


def test_there_is_no_script_or_style_in_the_html() -> None:
    html = STATIC["index.html"]
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"<form(?![^>]*method=\"post\")", html) == []
    typed = re.findall(r"<(?:input|textarea|select)\b[^>]*>", html)
    assert [tag for tag in typed if " name=" in tag and 'type="radio"' not in tag] == []
