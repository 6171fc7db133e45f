"""The page at `/` in a real browser: a whole journey by keyboard, a file that is saved, failures as they are told, and where the
key is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from page_checks import Site, colours, enter, status
from playwright.sync_api import Browser, Page, expect

from graph.control import Scope
from tests.integration.api_home import account, device

pytest_plugins = ("page_fixtures",)


def problem(status: int, **more: Any) -> dict[str, Any]:
    body = {"type": "urn:tessera:problem:test", "title": f"Title {status}", "status": status, "detail": f"Detail {status}."}
    return {
        "status": status,
        "content_type": "application/problem+json",
        "body": json.dumps(body | {"request_id": "r-1"}),
        **more,
    }


_FOCUSED = """() => {
    const e = document.activeElement;
    const style = getComputedStyle(e);
    return { id: e.id, tag: e.tagName, text: e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent,
             ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, shown: e.getClientRects().length > 0 };
}"""


def tab_to(page: Page, text: str, *, most: int = 60) -> None:
    """Press Tab until the focus is on what says `text`; wherever it is on the way, it is to be seen."""
    on_the_way = []
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused["tag"] == "BODY":
            continue  # the focus has left the document, as it does after the last element
        assert focused["ring"], f"the focus is not visible on {focused}"
        assert focused["shown"], focused
        if focused["text"].strip() == text:
            return
        on_the_way.append(focused["text"].strip()[:40])
    raise AssertionError(f"{text!r} cannot be reached; Tab went over {on_the_way}")


def test_a_whole_journey_by_keyboard(page: Page, browser: Browser, site: Site, tmp_path: Path) -> None:
    keys = page.keyboard
    page.goto("/")
    tab_to(page, "Skip to the content", most=1)
    tab_to(page, "API key")
    keys.type(site.planted.full)
    keys.press("Enter")

    # Who is behind a device, and why a tag.
    expect(page.locator("#people h1")).to_be_focused()
    tab_to(page, "Kind")
    tab_to(page, "Id")
    keys.type(device(800))
    keys.press("Enter")
    expect(status(page, "people")).to_contain_text("3 interests")
    expect(page.get_by_role("row", name=account(800))).to_be_visible()
    tab_to(page, "Why running?")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Why running?")).to_be_focused()

    # An audience by rule.
    page.keyboard.press("Home")
    for _ in range(40):
        keys.press("Shift+Tab")
        if page.evaluate(_FOCUSED)["text"] == "Build an audience":
            break
    keys.press("Enter")
    expect(page.locator("#build h1")).to_be_focused()
    tab_to(page, "Name")
    keys.type("Runners by keyboard")
    tab_to(page, "Add a condition to: all of these hold")
    keys.press("Enter")
    assert page.evaluate(_FOCUSED)["tag"] == "SELECT"
    tab_to(page, "Tag")
    keys.type("running")
    tab_to(page, "Probability at least 0.50")
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    tab_to(page, "Add a condition to: none of these holds")
    keys.press("Enter")
    keys.press("ArrowDown")  # has an attribute
    tab_to(page, "Attribute")
    tab_to(page, "Is one of (one in a line)")
    keys.type("JP\n  \nFR")
    tab_to(page, "Make the audience")
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/v1/audiences")) as asked:
        keys.press("Enter")
    assert asked.value.post_data_json == {
        "kind": "rule",
        "name": "Runners by keyboard",
        "rule": {
            "all": [{"tag": "running", "min_probability": 0.4}],
            "none": [{"attribute": "country", "one_of": ["JP", "FR"]}],
        },
    }
    expect(status(page, "build")).to_contain_text("Made: Runners by keyboard, 230 people")

    # Too few for a file: the refusal is shown as the API tells it.
    tab_to(page, "Look at it among the audiences")
    keys.press("Enter")
    expect(page.locator("#audiences h1")).to_be_focused()
    expect(status(page, "audiences")).to_contain_text("audience")
    tab_to(page, "Runners by keyboard")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Runners by keyboard")).to_be_focused()
    tab_to(page, "Recipient")
    keys.type("adserver")
    keys.press("Enter")
    released = page.get_by_role("region", name="Release as a file")
    expect(released.get_by_role("alert")).to_contain_text("There is nothing here that this key may see.")

    # A question before deleting: Escape leaves it, and the focus is back.
    tab_to(page, "Delete this audience")
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate(_FOCUSED)["text"] == "Delete this audience"
    keys.press("Enter")
    tab_to(page, "Delete it")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Runners by keyboard")).to_have_count(0)
    expect(page.locator("#audiences h1")).to_be_focused()

    # A drawing.
    page.goto("/#graph")
    expect(page.locator("#graph h1")).to_be_focused()
    tab_to(page, "Recipient")
    keys.press("Enter")
    expect(status(page, "graph")).to_contain_text("4 nodes, 3 edges")
    expect(page.locator("#graph .drawing circle")).to_have_count(4)
    expect(page.get_by_role("table", name="Links between classes").get_by_role("row")).to_have_count(4)
    picture = tmp_path / "graph.png"
    page.screenshot(path=picture, full_page=True)
    assert colours(browser, picture) > 50


def test_a_release_is_saved_as_a_file(page: Page, site: Site, tmp_path: Path) -> None:
    enter(page, site.planted.full, "build")
    page.get_by_role("textbox", name="Name", exact=True).fill("Everybody with an account")
    page.get_by_role("button", name="Add a condition to: all of these hold").click()
    page.get_by_label("A person").select_option("count")
    page.get_by_label("What", exact=True).select_option("accounts")
    page.get_by_role("button", name="Make the audience").click()
    expect(status(page, "build")).to_contain_text("1,420 people")
    page.get_by_role("link", name="Audiences", exact=True).click()
    page.get_by_role("button", name="Everybody with an account").click()
    page.get_by_label("Recipient").first.fill("adserver")
    page.get_by_role("button", name="Release", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the file").click()
    download.value.save_as(tmp_path / "file")
    lines = (tmp_path / "file").read_text().splitlines()
    assert lines[0] == "pseudonym"
    assert len(lines) == 1 + 1422
    assert download.value.suggested_filename.endswith(".csv")


def test_a_wrong_key_is_said_and_forgotten(page: Page) -> None:
    page.goto("/#audiences")
    page.get_by_label("API key").fill("tessera_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Give a valid API key")
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("Object.keys(sessionStorage)") == []
    expect(page.get_by_role("navigation")).to_be_hidden()


def test_what_can_be_no_key_is_not_sent(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    page.get_by_label("API key").fill("tessera_…")
    page.keyboard.press("Enter")
    assert page.get_by_label("API key").evaluate("e => e.matches(':invalid') && e === document.activeElement")
    assert [url for url in asked if "/v1/" in url] == []


def test_a_key_that_ends_is_asked_for_again_and_nothing_it_saw_is_left(page: Page, site: Site) -> None:
    enter(page, site.planted.full)
    page.get_by_role("textbox", name="Id", exact=True).fill(device(800))
    page.keyboard.press("Enter")
    expect(status(page, "people")).to_contain_text("3 interests")
    page.route("**/v1/**", lambda route: route.fulfill(**problem(401)))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Detail 401.")
    assert account(800) not in page.content()
    page.unroute("**/v1/**")
    page.get_by_label("API key").fill(site.planted.full)
    page.keyboard.press("Enter")
    expect(page.locator("#people h1")).to_be_focused()


def test_a_missing_scope_is_told_where_it_is_missing(page: Page, site: Site) -> None:
    enter(page, site.planted.narrow[Scope.AUDIENCES_READ], "audiences")
    expect(page.locator("#audiences").get_by_role("alert")).to_contain_text("lacks the scope")
    page.get_by_role("link", name="People").click()
    page.get_by_role("textbox", name="Id", exact=True).fill(device(800))
    page.keyboard.press("Enter")
    expect(status(page, "people")).to_contain_text("3 interests")


@pytest.mark.parametrize("code", [429, 503])
def test_waiting_is_counted_down_and_then_it_is_asked_again(page: Page, site: Site, code: int) -> None:
    enter(page, site.planted.full)
    page.route("**/v1/identities/**", lambda route: route.fulfill(**problem(code, headers={"Retry-After": "2"})))
    page.get_by_role("textbox", name="Id", exact=True).fill(device(800))
    page.keyboard.press("Enter")
    again = page.get_by_role("button", name="Ask again")
    expect(page.get_by_role("alert")).to_contain_text(f"Detail {code}.")
    expect(page.get_by_text("in 2 s", exact=True)).to_be_visible()
    expect(again).to_be_disabled()
    page.unroute("**/v1/identities/**")
    expect(again).to_be_enabled()
    again.click()
    expect(status(page, "people")).to_contain_text("3 interests")


def test_an_api_that_does_not_answer_is_said(page: Page, site: Site) -> None:
    enter(page, site.planted.full)
    page.route("**/v1/identities/**", lambda route: route.abort())
    page.get_by_role("textbox", name="Id", exact=True).fill(device(800))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The API does not answer.")
    expect(page.get_by_role("button", name="Ask again")).to_be_enabled()


def test_what_does_not_fit_is_told_field_by_field(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "graph")
    page.get_by_label("Recipient").evaluate("e => { e.removeAttribute('pattern'); e.value = 'no spaces here'; }")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("alert").get_by_role("listitem")).to_contain_text("body.recipient")


def test_the_key_stays_in_the_tab(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    enter(page, site.planted.full)
    page.reload()
    expect(page.locator("#people h1")).to_be_visible()
    assert site.planted.full not in page.url + "".join(asked) + page.content()
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert page.context.cookies() == []
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_label("API key")).to_be_visible()
    other.close()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
