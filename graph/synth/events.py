"""Events: the rows that sessions and bots leave, in the order of time.

What is read follows the person's interests of that day in `interest_share` of the cases, else what is popular; a session tends
to stay on its topic. Some rows have a URL instead of a content id, some no device (a purchase by telephone), some no account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.synth.accounts import Accounts
from graph.synth.agents import MODELS, STEPS, agent_pool, crawlers, families, family
from graph.synth.contents import Contents, choose_contents
from graph.synth.devices import BOT, Devices
from graph.synth.draw import Bools, Floats, Ints, column, generator, hex_ids, instants, numbers, weighted
from graph.synth.networks import Networks
from graph.synth.parameters import Population
from graph.synth.people import SLOTS, People
from graph.synth.sessions import Sessions

__all__ = ["TYPES", "Events", "make_events"]

TYPES = ("page_view", "view", "click", "search", "like", "add_to_cart", "purchase", "share", "login", "support_call")
_SHARES = (0.56, 0.15, 0.12, 0.05, 0.04, 0.035, 0.015, 0.01, 0.0, 0.0)
_WEIGHTS = (0.0, 0.0, 1.0, 0.0, 3.0, 2.0, 5.0, 3.0, 0.0, 0.0)  # 0: null
_CURRENCIES = {"US": "USD", "CA": "CAD", "GB": "GBP", "AU": "AUD", "CN": "CNY"}
_SEARCH, _PURCHASE, _CART, _LOGIN, _CALL = 3, 6, 5, 8, 9


@dataclass
class Events:
    """Index columns of all rows; -1 means none."""

    seconds: Floats
    person: Ints
    device: Ints
    account: Ints
    content: Ints
    topic: Ints
    kind: Ints
    address: Ints
    agent: Ints

    def take(self, order: Ints | Bools) -> Events:
        """The rows of an index or mask."""
        return Events(*(values[order] for values in vars(self).values()))


def make_events(
    parameters: Population, people: People, accounts: Accounts, devices: Devices, networks: Networks, contents: Contents,
    sessions: Sessions, words: dict[str, Any], places: list[dict[str, Any]], device_ids: pa.Array,
) -> tuple[Events, pa.Table]:  # fmt: skip
    """All events and their table; `device_ids` belong to the rows of `devices`."""
    rng = generator(parameters.seed, "events")
    people_rows = _in_sessions(rng, parameters, people, devices, contents, sessions)
    called = _calls(rng, parameters, people, accounts, contents)
    bots = _bots(rng, parameters, devices, networks, contents, parameters.events - len(people_rows.seconds) - len(called.seconds))
    parts = [vars(p) for p in (people_rows, called, bots)]
    events = Events(*(np.concatenate([p[name] for p in parts]) for name in parts[0]))
    events = events.take(np.argsort(events.seconds, kind="stable"))
    return events, _table(rng, parameters, people, accounts, contents, networks, events, words, places, device_ids)


def _interest(rng: np.random.Generator, parameters: Population, people: People, person: Ints, seconds: Floats) -> Ints:
    """A topic of the person's: the slot by attention, then the early or the later topic of it by the time passed."""
    cumulative = np.cumsum(people.attention, axis=1)[person]
    slot = np.minimum((rng.random(len(person))[:, None] > cumulative).sum(1), SLOTS - 1)
    later = rng.random(len(person)) < seconds / (parameters.days * 86_400.0)
    return np.asarray(np.where(later, people.later_topics[person, slot], people.topics[person, slot]), dtype=np.int64)


def _in_sessions(
    rng: np.random.Generator, parameters: Population, people: People, devices: Devices, contents: Contents, sessions: Sessions
) -> Events:
    of = np.repeat(np.arange(len(sessions.size)), sessions.size)
    n, person, device = len(of), sessions.person[of], sessions.device[of]
    begin = np.cumsum(sessions.size) - sessions.size
    gap = rng.exponential(75, n)
    gap[begin] = 0
    elapsed = np.cumsum(gap)
    seconds = sessions.start[of] + elapsed - elapsed[begin][of]

    def topics(who: Ints, when: Floats) -> Ints:
        popular = weighted(rng, contents.topic_popularity, len(who))
        return np.where(rng.random(len(who)) < parameters.interest_share, _interest(rng, parameters, people, who, when), popular)

    session_topic = topics(sessions.person, sessions.start)
    topic = np.where(rng.random(n) < 0.45, session_topic[of], topics(person, seconds))
    kind = weighted(rng, _SHARES, n)
    signing = begin[(sessions.account >= 0) & (rng.random(len(begin)) < 0.3)]
    kind[signing] = _LOGIN
    chinese = people.chinese[person] ^ (people.bilingual[person] & (rng.random(n) < 0.4))
    content = np.where(kind == _LOGIN, -1, choose_contents(rng, contents, topic, chinese))
    length = parameters.days * 86_400.0
    step = np.minimum(devices.step[device] + (seconds > length / 3) + (seconds > length * 2 / 3), STEPS - 1)
    agent = (devices.family[device] * STEPS + step) * MODELS + devices.model[device]
    return Events(seconds, person, device, sessions.account[of], content, topic, kind, sessions.address[of], agent)


def _calls(rng: np.random.Generator, parameters: Population, people: People, accounts: Accounts, contents: Contents) -> Events:
    """Purchases and calls by telephone: an account and no device."""
    n = parameters.events // 100 if len(accounts) else 0
    account = rng.integers(0, max(len(accounts), 1), n)
    person = accounts.person[account] if n else account
    seconds = rng.random(n) * parameters.days * 86_400.0
    topic = _interest(rng, parameters, people, person, seconds)
    kind = np.where(rng.random(n) < 0.5, _PURCHASE, _CALL)
    content = np.where(kind == _PURCHASE, choose_contents(rng, contents, topic, people.chinese[person]), -1)
    none = np.full(n, -1)
    return Events(seconds, person, none, account, content, topic, kind, none, none)


def _bots(
    rng: np.random.Generator, parameters: Population, devices: Devices, networks: Networks, contents: Contents, budget: int
) -> Events:
    """Crawlers: declared ones that never sleep, and some with a browser's user agent that read a page every second."""
    bots = np.flatnonzero(devices.role == BOT)
    device = np.sort(bots[weighted(rng, rng.lognormal(0, 0.6, len(bots)), budget)])
    which = np.searchsorted(bots, device)
    declared = rng.random(len(bots)) < 0.7
    length = parameters.days * 86_400.0
    burst = rng.uniform(0, length - 7_200, len(bots))
    rank = np.arange(budget) - np.searchsorted(device, device)
    seconds = np.where(declared[which], rng.random(budget) * length, burst[which] + rank * 1.1 + rng.random(budget) * 0.3)
    people_agents = len(families()) * STEPS * MODELS
    crawler = rng.integers(0, len(crawlers()), len(bots))
    agent = np.where(declared, people_agents + crawler, family("windows_chrome") * STEPS * MODELS)[which]
    content = rng.integers(0, len(contents), budget)
    none = np.full(budget, -1)
    address = networks.data_centres + which % networks.data_centre_count
    return Events(seconds, none, device, none, content, contents.topic[content], np.zeros(budget, dtype=np.int64), address, agent)


def _table(
    rng: np.random.Generator, parameters: Population, people: People, accounts: Accounts, contents: Contents, networks: Networks,
    events: Events, words: dict[str, Any], places: list[dict[str, Any]], device_ids: pa.Array,
) -> pa.Table:  # fmt: skip
    n, kind = len(events.seconds), events.kind
    by_url = (events.content >= 0) & (rng.random(n) < 0.1)
    with_url = (events.content >= 0) & (by_url | (rng.random(n) < 0.5))
    url = column(contents.urls, np.where(with_url, events.content, -1))
    campaign = ("?utm_source=newsletter&utm_medium=email", "?utm_source=social", "#top")
    tracked = column(campaign, np.where(with_url & (rng.random(n) < 0.15), rng.integers(0, len(campaign), n), -1))
    place = people.place[np.maximum(events.person, 0)]
    human = events.person >= 0
    priced = (kind == _PURCHASE) | (kind == _CART)
    zones, windows = [p["zone"] for p in places], [p["windows"] for p in places]
    zone = np.where(human & (rng.random(n) < 0.8), place, -1)
    zone = np.where((zone >= 0) & (rng.random(n) < 0.04), zone + len(zones), zone)
    start = parameters.start_seconds
    queries = [word for topic in words["topics"] for word in (*topic["en"], *topic["zh"])]
    bounds = np.cumsum([0] + [len(t["en"]) + len(t["zh"]) for t in words["topics"]])
    query = bounds[events.topic] + np.where(
        people.chinese[np.maximum(events.person, 0)], 12 + rng.integers(0, 9, n), rng.integers(0, 12, n)
    )
    referrers = ("https://www.example.com/", "https://search.example.org/", "https://social.example.net/", None)
    return pa.table(
        {
            "event_id": hex_ids(rng, "e", n),
            "at": instants(start + events.seconds),
            "type": column(TYPES, kind),
            "device_id": column(device_ids, events.device),
            "account_id": column(accounts.ids, events.account),
            "content_id": column(contents.ids, np.where(by_url, -1, events.content)),
            "ip": column(networks.addresses, np.where(rng.random(n) < 0.02, -1, events.address)),
            "url": pc.binary_join_element_wise(url, pc.fill_null(tracked, ""), ""),
            "title": column(contents.titles, np.where(by_url & (rng.random(n) < 0.7), events.content, -1)),
            "text": column(queries, np.where((kind == _SEARCH) & human, query, -1)),
            "referrer": column(referrers, rng.integers(0, 4, n)),
            "user_agent": column(agent_pool(), np.where(rng.random(n) < 0.06, -1, events.agent)),
            "timezone": column([*zones, *windows], zone),
            "weight": numbers(np.array(_WEIGHTS)[kind], np.array(_WEIGHTS)[kind] > 0),
            "value": numbers(np.round(rng.lognormal(3.2, 0.8, n), 2), priced),
            "currency": column([_CURRENCIES[p["country"]] for p in places], np.where(priced, place, -1)),
            "campaign": column(("spring", "members", "retargeting"), np.where(rng.random(n) < 0.05, rng.integers(0, 3, n), -1)),
        }
    )
