"""What the tests of the page ask of a tab: entering with a key, the accessible names that the browser computes, the contrasts of
what it paints, whether a picture is empty."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests.integration.api_home import Planted

VIEWS = ("people", "build", "audiences", "graph")
# Generous: the machine may be busy. Nothing is measured by it.
PATIENCE_MILLISECONDS = 30_000


@dataclass(frozen=True)
class Site:
    """The served page, and keys for it."""

    url: str
    planted: Planted


def enter(page: Page, key: str, view: str = "people") -> None:
    """Open the page with a key, at a view."""
    page.goto(f"/#{view}")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use the key").click()
    page.locator(f"#{view} h1").wait_for()


def status(page: Page, view: str) -> Locator:
    """The view's status line."""
    return page.locator(f"#{view} > [role=status]")


def colours(browser: Browser, picture: Path) -> int:
    """How many colours a PNG holds: an empty page has one."""
    with browser.new_context() as context:
        found: int = context.new_page().evaluate(_COLOURS, base64.b64encode(picture.read_bytes()).decode())
    return found


_COLOURS = """async (png) => {
    const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


def accessible_nodes(page: Page) -> list[dict[str, Any]]:
    """What the browser tells assistive technology: role, name and properties of each node."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", "").strip(),
            **{p["name"]: p["value"].get("value") for p in node.get("properties", [])},
        }
        for node in nodes
        if not node["ignored"]
    ]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours written as #rrggbb (WCAG 2.2): 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def poor_contrasts(page: Page) -> tuple[list[str], int]:
    """Texts that are shown with less contrast than WCAG 2.2 AA asks (1.4.3), and how many were looked at."""
    poor, seen = page.evaluate(_CONTRASTS)
    return poor, seen


# Relative luminance and contrast as WCAG 2.2 defines them. Grounds are opaque here, but for what is fully transparent.
_CONTRASTS = """() => {
    const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
    const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const rgb = parts(getComputedStyle(e).backgroundColor);
            if (rgb.length === 3 || rgb[3] === 1) return rgb;
            if (rgb[3] !== 0) throw new Error("a ground that is half transparent");
        }
        throw new Error("no ground");
    };
    const poor = [];
    let seen = 0;
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || "value" in element;
        const style = getComputedStyle(element);
        if (!own || !element.getClientRects().length || element.disabled || element.closest("title, desc, .unseen")) continue;
        const text = parts(element instanceof SVGElement ? style.fill : style.color);
        const [a, b] = [luminance(text), luminance(ground(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        seen += 1;
        const told = element.textContent.slice(0, 30);
        if (ratio < 4.5) poor.push(`${element.tagName} ${element.getAttribute("class")} ${told}: ${ratio.toFixed(2)}`);
    }
    return [poor, seen];
}"""
