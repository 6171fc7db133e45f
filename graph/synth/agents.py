"""User agents of the browser and app families that the population uses, and of crawlers.

Versions follow the public numbering of each family; a string is (family, version step, model).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["CRAWLERS", "FAMILIES", "MODELS", "STEPS", "Family", "agent_pool", "family"]

STEPS, MODELS = 8, 4


@dataclass(frozen=True)
class Family:
    """`kind`, `os` and `browser` as a device table gives them; `pattern` takes v (major version) and m (model)."""

    name: str
    kind: str
    os: str
    browser: str
    version: int
    models: tuple[str, ...]
    pattern: str
    resets: float  # how often its ids are cleared, 1 for a browser that keeps cookies
    screen: str


_PIXELS = ("Pixel 8", "Pixel 9", "SM-S918B", "2201116SG")
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
FAMILIES = (
    Family("ios_safari", "mobile", "iOS", "Mobile Safari", 17, ("4", "5", "6", "3"), f"Mozilla/5.0 (iPhone; CPU iPhone OS {{v}}_{{m}} like Mac OS X) {_WEBKIT} Version/{{v}}.{{m}} Mobile/15E148 Safari/604.1", 2.0, "390x844"),
    Family("ios_app", "app", "iOS", "", 5, ("17.4", "17.5", "18.1", "18.2"), "Gazette/{v}.2 (iPhone; iOS {m}; Scale/3.00)", 0.05, "390x844"),
    Family("ios_shop", "app", "iOS", "", 3, ("17.4", "17.5", "18.1", "18.2"), "CornerShop/{v}.0 (iPhone; iOS {m}; Scale/3.00)", 0.05, "393x852"),
    Family("android_chrome", "mobile", "Android", "Chrome Mobile", 128, ("K", *_PIXELS[:3]), f"Mozilla/5.0 (Linux; Android 14; {{m}}) {_BLINK} Chrome/{{v}}.0.0.0 Mobile Safari/537.36", 1.0, "412x915"),
    Family("android_samsung", "mobile", "Android", "Samsung Internet", 24, ("SM-S911B", "SM-A546B", "SM-S921B", "K"), f"Mozilla/5.0 (Linux; Android 14; {{m}}) {_BLINK} SamsungBrowser/{{v}}.0 Chrome/117.0.0.0 Mobile Safari/537.36", 1.0, "360x780"),
    Family("android_app", "app", "Android", "", 5, _PIXELS, "Gazette/{v}.2 (Linux; Android 14; {m})", 0.05, "412x915"),
    Family("android_shop", "app", "Android", "", 3, _PIXELS, "CornerShop/{v}.0 (Linux; Android 14; {m})", 0.05, "412x915"),
    Family("wechat", "app", "Android", "WeChat", 42, _PIXELS, f"Mozilla/5.0 (Linux; Android 14; {{m}} Build/UP1A; wv) {_BLINK} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.{{v}} NetType/WIFI Language/zh_CN", 0.1, "412x915"),
    Family("windows_chrome", "desktop", "Windows", "Chrome", 128, ("64", "64", "64", "64"), f"Mozilla/5.0 (Windows NT 10.0; Win{{m}}; x64) {_BLINK} Chrome/{{v}}.0.0.0 Safari/537.36", 1.0, "1920x1080"),
    Family("windows_edge", "desktop", "Windows", "Edge", 128, ("64", "64", "64", "64"), f"Mozilla/5.0 (Windows NT 10.0; Win{{m}}; x64) {_BLINK} Chrome/{{v}}.0.0.0 Safari/537.36 Edg/{{v}}.0.0.0", 1.0, "1536x864"),
    Family("windows_firefox", "desktop", "Windows", "Firefox", 130, ("64", "64", "64", "64"), "Mozilla/5.0 (Windows NT 10.0; Win{m}; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0", 1.3, "1920x1080"),
    Family("mac_safari", "desktop", "macOS", "Safari", 17, ("4", "5", "6", "3"), f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/{{v}}.{{m}} Safari/605.1.15", 2.0, "1440x900"),
    Family("mac_chrome", "desktop", "macOS", "Chrome", 128, ("7", "7", "7", "7"), f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_{{m}}) {_BLINK} Chrome/{{v}}.0.0.0 Safari/537.36", 1.0, "1512x982"),
    Family("linux_firefox", "desktop", "Linux", "Firefox", 130, ("x86_64", "x86_64", "x86_64", "x86_64"), "Mozilla/5.0 (X11; Linux {m}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0", 1.3, "2560x1440"),
    Family("ipad_safari", "tablet", "iOS", "Mobile Safari", 17, ("4", "5", "6", "3"), f"Mozilla/5.0 (iPad; CPU OS {{v}}_{{m}} like Mac OS X) {_WEBKIT} Version/{{v}}.{{m}} Mobile/15E148 Safari/604.1", 2.0, "820x1180"),
    Family("android_tablet", "tablet", "Android", "Chrome", 128, ("SM-X710", "SM-X210", "Lenovo TB330FU", "SM-X510"), f"Mozilla/5.0 (Linux; Android 14; {{m}}) {_BLINK} Chrome/{{v}}.0.0.0 Safari/537.36", 1.0, "800x1280"),
    Family("tv", "tv", "Tizen", "Samsung Internet", 5, ("6.5", "7.0", "8.0", "7.0"), "Mozilla/5.0 (SMART-TV; LINUX; Tizen {m}) AppleWebKit/537.36 (KHTML, like Gecko) {v}.0/{m} TV Safari/537.36", 0.02, "1920x1080"),
)  # fmt: skip
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "python-requests/2.32.3",
    "curl/8.5.0",
    f"Mozilla/5.0 (X11; Linux x86_64) {_BLINK} HeadlessChrome/126.0.0.0 Safari/537.36",
)


def family(name: str) -> int:
    """Index of a family by its name."""
    return next(i for i, f in enumerate(FAMILIES) if f.name == name)


def agent_pool() -> pa.Array:
    """Every user agent: index (family · STEPS + step) · MODELS + model, the crawlers after them."""
    people = [f.pattern.format(v=f.version + step, m=model) for f in FAMILIES for step in range(STEPS) for model in f.models]
    return pa.array([*people, *CRAWLERS], pa.string())
