"""What the page does with audiences, in a browser: the reach while one edits, every kind of condition, reports on seeds, what
sets an audience apart, overlaps, versions. All against the API itself."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from page_checks import Site, accessible_nodes, colours, enter, poor_contrasts, status
from playwright.sync_api import Browser, Page, Route, expect

from api.http.app import create_app
from api.settings import Settings
from tests.integration.api_home import account

pytest_plugins = ("page_fixtures",)

ADD = "Add a condition to: all of these hold"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(home=tmp_path_factory.mktemp("no-home") / "home")).openapi()


def condition(page: Page, kind: str, group: str = ADD) -> None:
    page.get_by_role("button", name=group).first.click()
    page.get_by_label("A person").last.select_option(kind)


def running(page: Page) -> None:
    condition(page, "tag")
    page.get_by_role("combobox", name="Tag", exact=True).fill("running")


def make(page: Page, name: str) -> None:
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("button", name="Make the audience").click()
    expect(status(page, "build")).to_contain_text(f"Made: {name}")


def open_audience(page: Page, name: str) -> None:
    page.get_by_role("link", name="Audiences", exact=True).click()
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_focused()


# --- the reach ---------------------------------------------------------------------------------------------------------------


def test_the_reach_is_told_while_one_edits(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    reach = page.locator("#reach")
    expect(reach).to_have_text("–")
    running(page)
    expect(reach).to_have_text("710 people")
    slider = page.get_by_label("Probability at least")
    slider.fill("0.85")
    expect(reach).to_have_text(re.compile(r"^\d+ people$"))
    expect(reach).not_to_have_text("710 people")
    slider.fill("1")
    expect(reach).to_have_text("not told: too few, or about something sensitive")
    page.get_by_role("button", name="Remove").click()
    expect(reach).to_have_text("–")
    assert page.get_by_role("button", name=ADD).evaluate("e => e === document.activeElement")
    assert {"polite"} == {n["live"] for n in accessible_nodes(page) if n["role"] == "status"}


def test_a_rule_that_nobody_can_meet_is_told_with_its_reason(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    running(page)
    condition(page, "tag", "Add a condition to: none of these holds")
    page.get_by_role("combobox", name="Tag", exact=True).last.fill("running")
    expect(page.locator("#reach")).to_contain_text("nobody can meet this rule")
    page.get_by_role("textbox", name="Name", exact=True).fill("nobody")
    page.get_by_role("button", name="Make the audience").click()
    expect(page.locator("#build").get_by_role("alert")).to_contain_text("nobody can meet this rule")


def test_an_older_question_never_overtakes_a_newer_one(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    asked: list[float] = []

    def slow_first(route: Route) -> None:
        least = route.request.post_data_json["rule"]["all"][0]["min_probability"]
        asked.append(least)
        if least == 0.5:
            held.append(route)
        else:
            route.continue_()

    held: list[Route] = []
    page.route("**/v1/audiences/dry-run", slow_first)
    running(page)
    page.wait_for_event("request", lambda r: r.url.endswith("/dry-run"))
    page.get_by_label("Probability at least").fill("0.05")
    expect(page.locator("#reach")).to_have_text(re.compile("people$"))
    told = page.locator("#reach").text_content()
    held[0].fulfill(json={"people": 999_990, "seeds": None})
    page.wait_for_timeout(200)
    assert asked == [0.5, 0.05]
    assert page.locator("#reach").text_content() == told


def kinds(document: dict[str, Any]) -> dict[str, str]:
    """Kinds of condition that the API documents, by the field that tells them apart: the first of each schema."""
    schemas = document["components"]["schemas"]
    items = schemas["RuleGroup"]["properties"]["all"]["items"]
    names = [option["$ref"].rsplit("/", 1)[1] for option in items["oneOf"]]
    return {"group" if name == "RuleGroup" else next(iter(schemas[name]["properties"])): name for name in names}


def test_every_kind_of_condition_is_offered_and_says_what_the_api_takes(page: Page, site: Site, document: dict[str, Any]) -> None:
    enter(page, site.planted.full, "build")
    running(page)
    make(page, "To be referred to")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name=ADD).click()
    offered = page.get_by_label("A person").locator("option").evaluate_all("all => all.map((o) => o.value)")
    assert set(offered) == set(kinds(document))
    fill = {
        "tag": lambda: page.get_by_role("combobox", name="Tag", exact=True).fill("cycling"),
        "attribute": lambda: page.get_by_label("Is one of").fill("DE"),
        "spent": lambda: page.get_by_label("At least", exact=True).fill("10"),
        "audience": lambda: page.get_by_label("Audience", exact=True).first.select_option(label="To be referred to"),
        "group": lambda: page.get_by_role("list", name="All of these hold").get_by_role("button", name=ADD).click(),
    }
    for kind in offered:
        page.get_by_label("A person").first.select_option(kind)
        fill.get(kind, lambda: None)()
        if kind == "group":
            page.get_by_role("combobox", name="Tag", exact=True).fill("cycling")
        page.get_by_role("button", name="Make the audience").focus()
        with page.expect_response("**/v1/audiences/dry-run") as answer:
            page.locator("#build-name").fill(f"a {kind}")
        assert answer.value.status == 200, (kind, answer.value.text(), answer.value.request.post_data)
        (told,) = answer.value.request.post_data_json["rule"]["all"]
        assert ("all" if kind == "group" else kind) in told


# --- likeness ----------------------------------------------------------------------------------------------------------------


def pasted(page: Page, count: int = 200) -> None:
    page.get_by_label("By likeness").check()
    rows = [f"account,{account(n)}" for n in range(100, 100 + 2 * count, 2)]
    page.get_by_label("Or rows of kind,id").fill("\n".join(["kind,id", *rows, rows[0]]))


def test_a_lookalike_of_pasted_rows(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    pasted(page)
    expect(page.locator("#reach")).to_contain_text("of 201 seeds usable: 200, 1 given again")
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/v1/audiences")) as asked:
        make(page, "Like them")
    assert asked.value.post_data_json["ratio"] == 0.05
    page.get_by_label("Or rows of kind,id").fill("nonsense")
    expect(page.locator("#seed-problem")).to_contain_text("Line 1")
    expect(page.locator("#reach")).to_have_text("–")


def test_a_report_on_seeds(page: Page, browser: Browser, site: Site, tmp_path: Path) -> None:
    enter(page, site.planted.full, "build")
    pasted(page)
    page.get_by_role("button", name="Check the seeds").click()
    expect(page.get_by_role("heading", name="Report on the seeds")).to_be_focused()
    report = page.get_by_role("region", name="Report on the seeds")
    expect(report.get_by_role("img", name="Expected lift by reach")).to_be_visible()
    rows = page.get_by_role("table", name="The same as numbers").get_by_role("row")
    assert rows.count() - 1 == report.locator("figure").first.locator("circle").count() >= 5
    expect(page.get_by_role("table", name="Ways of ranking, by AUC").get_by_role("row").nth(1)).to_be_visible()
    assert poor_contrasts(page)[0] == []
    picture = tmp_path / "report.png"
    report.screenshot(path=picture)
    assert colours(browser, picture) > 50


# --- of an audience ----------------------------------------------------------------------------------------------------------


def test_what_sets_an_audience_apart(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    running(page)
    make(page, "Runners")
    open_audience(page, "Runners")
    apart = page.get_by_role("region", name="What sets them apart")
    expect(apart.get_by_role("rowheader").first).to_have_text("running")
    assert "health/cancer" not in apart.text_content()
    apart.get_by_label("By").select_option("attributes")
    expect(apart.get_by_role("table", name="What they have more often: attributes")).to_be_visible()
    # Statistics of contents are a purpose of their own, which nobody of the planted home has permitted.
    apart.get_by_label("By").select_option("contents")
    expect(apart.get_by_role("status")).to_contain_text("0 contents; not told")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_versions_and_filling_again(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    running(page)
    page.get_by_label("Filled again by itself").select_option("daily")
    make(page, "Runners, daily")
    open_audience(page, "Runners, daily")
    expect(page.get_by_text("Filled again every 24 hours by itself")).to_be_visible()
    versions = page.get_by_role("region", name="Versions").first
    expect(versions.get_by_role("rowheader")).to_have_text(["1"])
    versions.get_by_role("button", name="Fill it again with the people of now").click()
    expect(versions.get_by_role("rowheader")).to_have_text(["2", "1"])
    expect(versions.get_by_role("status")).to_contain_text("Version 2: people added:")
    expect(page.get_by_text("rule, version 2, 710 people")).to_be_visible()


def test_how_far_audiences_overlap(page: Page, site: Site) -> None:
    enter(page, site.planted.full, "build")
    running(page)
    make(page, "Overlap one")
    page.get_by_label("Probability at least").fill("0.6")
    make(page, "Overlap two")
    page.get_by_role("link", name="Audiences", exact=True).click()
    button = page.get_by_role("button", name="How far do the chosen ones overlap?")
    button.click()
    expect(page.get_by_text("Choose 2 to 10 audiences in the list.")).to_be_visible()
    for name in ("Overlap one", "Overlap two"):
        page.get_by_label(f"Compare {name}").check()
    button.click()
    row = page.get_by_role("table", name="People in both").get_by_role("row").nth(1)
    expect(row).to_contain_text("Overlap one")
    expect(row).to_contain_text("100%")


def test_every_address_that_the_page_asks_is_documented(document: dict[str, Any]) -> None:
    """An address is written as address`…${…}…`, as a text that begins with /v1/, or as what follows an audience's own."""
    shapes = {re.sub(r"\{[^}]+\}", "{}", path) for path in document["paths"]}
    asked = set()
    for file in files("api.page").joinpath("static").iterdir():
        text = file.read_text(encoding="utf-8")
        asked |= {re.sub(r"\$\{[^}]+\}", "{}", found) for found in re.findall(r'[`"](/v1/[^`"]*)[`"]', text)}
        asked |= {"/v1/audiences/{}" + rest for rest in re.findall(r'#path\("([^"]+)"', text)}
    assert len(asked) >= 10
    assert asked - shapes == set()
