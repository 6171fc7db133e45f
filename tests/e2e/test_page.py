"""The page at `/` in a real browser: a whole journey by keyboard, names that try to be markup, failures, aids, screens."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_checks import VIEWS, Site, accessible_nodes, colours, contrast, enter, poor_contrasts, status
from playwright.sync_api import Browser, Page, Route, expect

from api.http.app import create_app
from api.settings import Settings
from graph.control import Scope
from tests.integration.api_home import account, device

pytest_plugins = ("page_fixtures",)

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"


def problem(status: int, **more: Any) -> dict[str, Any]:
    body = {"type": "urn:tessera:problem:test", "title": f"Title {status}", "status": status, "detail": f"Detail {status}."}
    return {
        "status": status,
        "content_type": "application/problem+json",
        "body": json.dumps(body | {"request_id": "r-1"}),
        **more,
    }


def answering(body: Any) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=body)


# --- by keyboard -------------------------------------------------------------------------------------------------------------

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


# --- what others wrote -------------------------------------------------------------------------------------------------------


def test_no_name_becomes_markup(page: Page, site: Site) -> None:
    page.route("**/v1/tags?*", answering({"items": [_hostile_tag()], "next_cursor": None}))
    page.route("**/v1/audiences?*", answering({"items": [_hostile_audience()], "next_cursor": None}))
    page.route("**/v1/identities/**", answering(_hostile_person()))
    page.route("**/v1/persons/*/tags?*", answering({"person_id": HOSTILE, "model": HOSTILE, "tags": [_hostile_score()]}))
    page.route("**/v1/persons/*/tags/*/why", answering(_hostile_reason()))
    page.route("**/v1/subgraphs", answering(_hostile_subgraph()))
    page.route("**/v1/audiences/*/insights?*", lambda route: route.fulfill(**problem(409) | {"body": _hostile_problem()}))
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


def _hostile_problem() -> str:
    return json.dumps(
        {"title": HOSTILE, "detail": HOSTILE, "request_id": HOSTILE, "errors": [{"where": HOSTILE, "problem": HOSTILE}]}
    )


# --- failures and the key ----------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_said_and_forgotten(page: Page) -> None:
    page.goto("/#audiences")
    page.get_by_label("API key").fill("tessera_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Give a valid API key.")
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


# --- for everybody's eyes, ears and screens ----------------------------------------------------------------------------------

_CONTROLS = {"button", "link", "textbox", "combobox", "slider", "spinbutton", "checkbox", "radio", "searchbox", "listbox"}
_NAMED = _CONTROLS | {"image", "img", "table", "region", "navigation", "group", "dialog", "alertdialog"}


def fill_views(page: Page, site: Site) -> None:
    """Have something to look at in each view."""
    enter(page, site.planted.full)
    page.get_by_role("textbox", name="Id", exact=True).fill(device(800))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Why running?").click()
    page.get_by_role("link", name="Build").click()
    for kind in ("tag", "attribute", "count", "group"):
        page.get_by_role("button", name="Add a condition to: all of these hold").first.click()
        page.get_by_label("A person").last.select_option(kind)
    page.get_by_role("link", name="Graph").click()
    page.get_by_role("button", name="Draw").click()
    expect(page.locator("#graph .drawing")).to_be_visible()


def test_everything_has_a_name_and_its_place(page: Page, site: Site) -> None:
    fill_views(page, site)
    for view in VIEWS:
        page.locator(f"nav a[href='#{view}']").click()
        nodes = accessible_nodes(page)
        assert [n for n in nodes if n["role"].lower() in _NAMED and not n["name"]] == [], view
        assert len([n for n in nodes if n["role"] in _CONTROLS]) >= 8, view
        levels = [n["level"] for n in nodes if n["role"] == "heading"]
        assert levels.count(1) == 1, view
        assert all(b - a <= 1 for a, b in zip([0, *levels], levels, strict=False)), (view, levels)
        assert {"main", "banner", "navigation"} <= {n["role"] for n in nodes}
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    broken = """[...document.querySelectorAll("[aria-labelledby], [aria-describedby], [for]")].filter((e) =>
        ["aria-labelledby", "aria-describedby", "for"].some((a) => (e.getAttribute(a) ?? "").split(" ").filter(Boolean)
            .some((id) => !document.getElementById(id)))).map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(broken) == []
    assert page.evaluate("document.documentElement.lang") == "en"


def test_results_are_read_out(page: Page, site: Site) -> None:
    enter(page, site.planted.full)
    assert {n["live"] for n in accessible_nodes(page) if n["role"] == "status"} == {"polite"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(page: Page, site: Site, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    assert poor_contrasts(page)[0] == []
    fill_views(page, site)
    page.get_by_role("link", name="People").click()
    page.get_by_role("textbox", name="Id", exact=True).fill("absent")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    grounds = set()
    for view in VIEWS:
        page.locator(f"nav a[href='#{view}']").click()
        poor, seen = poor_contrasts(page)
        assert poor == []
        assert seen >= 8
        grounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert grounds == {{"light": "rgb(246, 245, 241)", "dark": "rgb(20, 24, 28)"}[scheme]}


# Ring, borders and marks on their grounds: WCAG 2.2 asks 3 (1.4.11).
_MARKS = [("accent", "ground"), ("accent", "sheet"), ("accent", "room"), ("warm", "sheet"), ("warm", "room"), ("edge", "ground")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    names = sorted({name for pair in _MARKS for name in pair})
    read = "names => names.map((n) => getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim())"
    by_name = dict(zip(names, page.evaluate(read, names), strict=True))
    assert {pair: r for pair in _MARKS if (r := contrast(*(by_name[name] for name in pair))) < 3} == {}


def test_a_small_screen_needs_no_scrolling_sideways(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    fill_views(page, site)
    for view in VIEWS:
        page.locator(f"nav a[href='#{view}']").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        beyond = """[...document.querySelectorAll("main :is(button, input, select, textarea)")].filter((e) => {
            const { left, right } = e.getBoundingClientRect();
            return right > left && !e.closest(".scroll") && (left < 0 || right > innerWidth);
        }).map((e) => e.id || e.textContent)"""
        assert page.evaluate(beyond) == [], view


# --- parts -------------------------------------------------------------------------------------------------------------------


def test_choices_are_those_of_the_api(page: Page, site: Site, tmp_path: Path) -> None:
    schemas = create_app(Settings(home=tmp_path / "home")).openapi()["components"]["schemas"]

    def documented(schema: str, name: str) -> set[str]:
        return set(schemas[schema]["properties"][name]["enum"])

    def offered(kind: str, label: str) -> set[str]:
        page.get_by_label("A person").select_option(kind)
        return set(page.get_by_label(label, exact=True).locator("option").evaluate_all("all => all.map((o) => o.value)"))

    enter(page, site.planted.full, "build")
    page.get_by_role("button", name="Add a condition to: all of these hold").click()
    assert offered("attribute", "Attribute") == documented("AttributeCondition", "attribute")
    assert offered("count", "What") == documented("CountCondition", "count")
    formats = page.evaluate("import('/page/audience.js').then((m) => Object.keys(m.FORMATS))")
    assert set(formats) == documented("ExportRequest", "format")


@pytest.mark.parametrize(
    ("text", "seeds", "complaint"),
    [
        ("", [], None),
        ("kind,id\ndevice,d-1\n\naccount, a 2 ", [("device", "d-1"), ("account", "a 2")], None),
        ('\ufeff"kind","id"\r\n"device","with, comma ""quoted"""\r\n', [("device", 'with, comma "quoted"')], None),
        ("device;d;1\ndevice\td,2", [("device", "d;1"), ("device", "d,2")], None),
        ("device,d-1\nperson,p-1", [], "Line 2"),
        ("device,", [], "Line 1"),
        ("kind,id\nkind,id", [], "Line 2"),
    ],
)
def test_seeds_are_read_from_pasted_rows(page: Page, text: str, seeds: list[tuple[str, str]], complaint: str | None) -> None:
    page.goto("/")
    found = page.evaluate("text => import('/page/seeds.js').then((m) => m.parseSeeds(text))", text)
    assert [(s["kind"], s["id"]) for s in found["seeds"]] == seeds
    assert (found["problem"] is None) == (complaint is None)
    assert complaint is None or complaint in found["problem"]


def class_graph(chance: random.Random) -> dict[str, Any]:
    labels = (
        ["Device"] * chance.randint(0, 12) + ["Account"] + ["Person"] * chance.randint(1, 20) + ["Tag"] * chance.randint(0, 30)
    )
    nodes = [{"id": f"c{i}", "label": label, "people": chance.randint(2, 500) * 10} for i, label in enumerate(labels)]
    people = [n["id"] for n in nodes if n["label"] == "Person"]
    others = [n["id"] for n in nodes if n["label"] != "Person"]
    edges = [{"source": chance.choice(others), "target": chance.choice(people), "people": 20} for _ in range(60)]
    return {"nodes": nodes, "edges": edges}


def person_graph(chance: random.Random) -> dict[str, Any]:
    tags = [{"id": f"t{i}", "label": "Tag"} for i in range(chance.randint(0, 6))]
    nodes, edges = list(tags), []
    for i in range(chance.randint(1, 120)):
        nodes.append({"id": f"p{i}", "label": "Person"})
        for j in range(chance.randint(0, 5)):
            nodes.append({"id": f"d{i}-{j}", "label": chance.choice(["Device", "Account"])})
            edges.append({"source": f"d{i}-{j}", "target": f"p{i}"})
        if tags and chance.random() < 0.8:
            edges.append({"source": f"p{i}", "target": chance.choice(tags)["id"]})
    return {"nodes": nodes, "edges": edges}


_OVERLAPS = """([layout, { nodes, edges }]) => import("/page/layout.js").then((module) => {
    const { places, width, height } = module[layout](nodes, edges);
    const again = module[layout]([...nodes].reverse(), edges).places;
    const big = nodes.filter((n) => layout === "layered" || n.label === "Person").map((n) => [n.id, places.get(n.id)]);
    const inside = ({ x, y, r }) => Math.min(x - r, y - r, width - x - r, height - y - r) >= -1e-6;
    const apart = (p, q) => Math.hypot(p.x - q.x, p.y - q.y) >= p.r + q.r - 1e-6;
    return {
        missing: big.filter(([, p]) => !p).map(([id]) => id),
        outside: [...places].filter(([, p]) => !inside(p)).map(([id]) => id),
        overlapping: big.flatMap(([a, p], i) => big.slice(i + 1).filter(([, q]) => !apart(p, q)).map(([b]) => [a, b])),
        moved: layout === "layered" ? [...places].filter(([id, p]) => again.get(id).y !== p.y).map(([id]) => id) : [],
    };
})"""


@pytest.mark.parametrize(("layout", "make"), [("layered", class_graph), ("stars", person_graph)])
def test_nothing_is_drawn_over_something_else(page: Page, layout: str, make: Callable[[random.Random], dict[str, Any]]) -> None:
    page.goto("/")
    for seed in range(30):
        found = page.evaluate(_OVERLAPS, [layout, make(random.Random(seed))])
        assert found == {"missing": [], "outside": [], "overlapping": [], "moved": []}, f"seed {seed}"


def test_ticks_of_a_chart_are_round_and_reach_all_values(page: Page) -> None:
    page.goto("/")
    chance = random.Random(1)
    many = [[chance.uniform(-1, 1) * 10 ** chance.randint(-4, 6) for _ in range(chance.randint(1, 9))] for _ in range(200)]
    many += [[0.0], [0.0, 0.0], [5.0], [0.01, 0.02, 0.1]]
    asked = """lists => import("/page/chart.js").then(({ scale }) =>
        lists.map((values) => { const { ticks, place } = scale(values, 0, 100); return [ticks, values.map(place)]; }))"""
    for values, (ticks, places) in zip(many, page.evaluate(asked, many), strict=True):
        assert 2 <= len(ticks) <= 8, values
        slack = 1e-9 * max(map(abs, [*values, *ticks]))
        assert ticks[0] - slack <= min(values), values
        assert max(values) <= ticks[-1] + slack, values
        assert all(-1e-6 <= place <= 100 + 1e-6 for place in places), values
