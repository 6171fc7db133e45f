"""Names that try to be markup: the page shows them as they are, and the browser would refuse them besides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from page_checks import Site, enter, status
from playwright.sync_api import Page, Route, expect

pytest_plugins = ("page_fixtures",)

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"


def answering(body: Any) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=body)


def test_no_name_becomes_markup(page: Page, site: Site) -> None:
    page.route("**/v1/tags?*", answering({"items": [_hostile_tag()], "next_cursor": None}))
    page.route("**/v1/audiences?*", answering({"items": [_hostile_audience()], "next_cursor": None}))
    page.route("**/v1/identities/**", answering(_hostile_person()))
    page.route("**/v1/persons/*/tags?*", answering({"person_id": HOSTILE, "model": HOSTILE, "tags": [_hostile_score()]}))
    page.route("**/v1/persons/*/tags/*/why", answering(_hostile_reason()))
    page.route("**/v1/subgraphs", answering(_hostile_subgraph()))
    page.route("**/v1/audiences/*/insights?*", lambda route: route.fulfill(**_hostile_problem()))
    page.route("**/v1/audiences/*/versions", answering({"items": []}))
    enter(page, site.planted.full)
    page.get_by_role("textbox", name="Id", exact=True).fill(HOSTILE)
    page.keyboard.press("Enter")
    expect(status(page, "people")).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Why").click()
    expect(page.locator("#people").get_by_text(HOSTILE).nth(5)).to_be_visible()
    page.get_by_role("link", name="Build").click()
    page.get_by_role("button", name="Add a condition to: all of these hold").click()
    page.get_by_role("combobox", name="Tag", exact=True).fill("img")
    page.locator("datalist option").first.wait_for(state="attached")
    page.get_by_role("link", name="Audiences", exact=True).click()
    page.get_by_role("button", name=HOSTILE).click()
    expect(page.locator("#audiences .problem")).to_contain_text(HOSTILE)
    page.get_by_role("link", name="Graph").click()
    page.get_by_role("button", name="Draw").click()
    expect(page.locator("#graph .drawing")).to_contain_text(HOSTILE)
    # Those of the page itself.
    assert page.locator("img").count() == 1
    assert page.locator("script").count() == 1
    assert HOSTILE not in page.url


def test_what_the_policy_forbids_does_not_run(page: Page) -> None:
    """Were a name put into markup by mistake, the browser would refuse it: the wall behind the wall."""
    page.goto("/")
    assert page.evaluate("() => { try { document.body.innerHTML = '<b>'; } catch (error) { return error.name; } }") == "TypeError"


def _hostile_tag() -> dict[str, Any]:
    return {"tag_id": HOSTILE, "name": HOSTILE, "taxonomy": HOSTILE, "sensitive": False, "parent_id": None}


def _hostile_audience() -> dict[str, Any]:
    times = dict.fromkeys(("created_at", "updated_at"), "2026-03-05T10:00:00Z")
    return {"audience_id": "aud-1", "name": HOSTILE, "kind": HOSTILE, "version": 1, "size": None, **times}


def _hostile_person() -> dict[str, Any]:
    member = {"kind": HOSTILE, "id": HOSTILE, "confidence": 0.5, "since": None, "last_seen": None}
    return {**member, "person_id": HOSTILE, "person_class": HOSTILE, "members": [member]}


def _hostile_score() -> dict[str, Any]:
    return {"tag_id": HOSTILE, "name": HOSTILE, "probability": 0.5}


def _hostile_reason() -> dict[str, Any]:
    return {
        "person_id": HOSTILE,
        "tag_id": HOSTILE,
        "name": HOSTILE,
        "model": HOSTILE,
        "probability": 0.5,
        "base": 0.1,
        "parts": [{"channel": HOSTILE, "log_odds": -1.0}],
        "contents": [{"channel": HOSTILE, "content_id": HOSTILE, "share": 0.5}],
        "others": [{"kind": HOSTILE, "with_tag": None}],
    }


def _hostile_subgraph() -> dict[str, Any]:
    person = {"id": HOSTILE, "label": "Person", "devices": HOSTILE, "accounts": "1", "household": False, "people": 40}
    tag = {"id": "c2", "label": "Tag", "name": HOSTILE, "people": 30}
    edge = {"source": HOSTILE, "target": "c2", "relationship": HOSTILE, "people": 30}
    return {"graph": {"level": "class", "k": 20}, "nodes": [person, tag], "edges": [edge]}


def _hostile_problem() -> dict[str, Any]:
    told = {"title": HOSTILE, "detail": HOSTILE, "request_id": HOSTILE, "errors": [{"where": HOSTILE, "problem": HOSTILE}]}
    return {"status": 409, "content_type": "application/problem+json", "body": json.dumps(told)}
