"""User agents: kind of device, operating system, browser, and whether it is a bot.

Families come from uap-core's rules (`ua_parser`); a bot is what that calls a spider or what the maintained list of
`crawleruseragents` matches. That list is some 1,500 patterns, nearly all of them plain substrings: an index by each
substring's rarest three letters finds the few that can match a given agent, and only those are tried.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import ua_parser
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

__all__ = ["Agent", "Crawlers", "UserAgents"]

_PLAIN = re.compile(r"(?:[^\\.^$*+?{}\[\]|()]|\\[^a-zA-Z0-9]){3,}")
_TV = re.compile(
    r"smart-?tv|googletv|android tv|apple ?tv|hbbtv|netcast|web0s|webos\.tv|roku|bravia|crkey|viera|\baft[a-z]{1,4}\b"
    r"|tizen.*\btv\b|\btv\b.*safari|playstation|xbox",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|nexus (7|9|10)\b|\bsm-[tx]\d", re.IGNORECASE)
_DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD", "OpenBSD", "SUSE"})


class Agent(NamedTuple):
    """What a user agent says; None where it does not."""

    kind: str | None
    os: str | None
    browser: str | None
    bot: bool


class Crawlers:
    """The crawler list, indexed."""

    def __init__(self) -> None:
        patterns = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA]
        plain = [re.sub(r"\\(.)", r"\1", p) for p in patterns if _PLAIN.fullmatch(p)]
        self._others = re.compile("|".join(f"(?:{p})" for p in patterns if not _PLAIN.fullmatch(p)))
        frequency = Counter(gram for text in plain for gram in _grams(text))
        self._by_gram: dict[str, list[str]] = {}
        for text in plain:
            self._by_gram.setdefault(min(_grams(text), key=lambda g: (frequency[g], g)), []).append(text)

    def __call__(self, agent: str) -> bool:
        """Whether the list names it."""
        candidates = _grams(agent) & self._by_gram.keys()
        return any(text in agent for gram in candidates for text in self._by_gram[gram]) or bool(self._others.search(agent))


def _grams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


class UserAgents:
    """Reader of user agents; builds its indexes at first use."""

    def __init__(self) -> None:
        self._crawlers: Crawlers | None = None

    def __call__(self, text: str) -> Agent:
        """Read one user agent."""
        if self._crawlers is None:
            self._crawlers = Crawlers()
        text = text[:1000]
        found = ua_parser.parse(text)
        os = found.os.family if found.os else None
        browser = found.user_agent.family if found.user_agent else None
        device = found.device.family if found.device else ""
        bot = device == "Spider" or self._crawlers(text)
        return Agent(None if bot else _kind(text, os), os, browser, bot)


def _kind(text: str, os: str | None) -> str | None:
    if _TV.search(text):
        return "tv"
    if _TABLET.search(text) or (os == "Android" and "Mobile" not in text):
        return "tablet"
    if os in ("iOS", "Android", "Windows Phone", "BlackBerry OS", "KaiOS", "Firefox OS") or "Mobile" in text:
        return "mobile"
    return "desktop" if os in _DESKTOPS else None
