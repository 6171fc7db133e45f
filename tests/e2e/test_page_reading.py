"""The page for everybody's eyes, ears and screens: names and places of everything, contrasts in both schemes, 360 pixels."""

from __future__ import annotations

from typing import Any

import pytest
from page_checks import VIEWS, Site, accessible_nodes, contrast, enter, poor_contrasts
from playwright.sync_api import Page, expect

from tests.integration.api_home import device

pytest_plugins = ("page_fixtures",)

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
