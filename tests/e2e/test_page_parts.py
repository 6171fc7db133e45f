"""Parts of the page, as the browser runs them: choices, pasted seeds, layouts, charts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_checks import Site, enter
from playwright.sync_api import Page

from api.http.app import create_app
from api.settings import Settings

pytest_plugins = ("page_fixtures",)


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
