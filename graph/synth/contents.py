"""Contents with readable titles in English and Chinese, composed from topic words, and the choice of a content to read.

A title usually names one or two things of its topic; some carry a word of another topic, some are vague ("Sunday reads").
Within a topic and language a few contents are read much more than the others (Zipf).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from graph.synth.draw import Bools, Floats, Ints, column, generator, hex_ids, pick_in_groups, weighted
from graph.synth.parameters import Population

__all__ = ["Contents", "choose_contents", "make_contents"]

_SITES = ("www.example.com", "news.example.org", "shop.example.net", "video.example.com")


@dataclass(frozen=True)
class Contents:
    """Contents in an order of their own: by topic, then language. `first`/`last` bound the rows of block 2·topic + chinese."""

    ids: pa.Array
    titles: pa.Array
    urls: pa.Array
    topic: Ints
    other_topic: Ints  # -1: none
    chinese: Bools
    popularity: Floats
    first: Ints
    last: Ints
    topic_popularity: Floats
    table: pa.Table

    def __len__(self) -> int:
        return len(self.topic)


def make_contents(parameters: Population, words: dict[str, Any]) -> Contents:
    """Draw contents; `words` is the shipped topics.json."""
    rng = generator(parameters.seed, "contents")
    n, topics = parameters.contents, words["topics"]
    topic_popularity: Floats = np.reciprocal(4.0 + rng.permutation(len(topics)))
    topic = np.sort(weighted(rng, topic_popularity, n))
    topic[: min(n, len(topics))] = np.arange(len(topics))[:n]  # every topic has something to read
    topic.sort()
    chinese = rng.random(n) < 0.35
    order = np.lexsort((chinese, topic))
    topic, chinese = topic[order], chinese[order]
    other = np.where(rng.random(n) < 0.18, rng.integers(0, len(topics), n), -1)
    other[other == topic] = -1

    titles: list[str] = []
    texts: list[str | None] = []
    draws = rng.integers(0, 1 << 30, (n, 6))
    shape = rng.random((n, 2))
    for i in range(n):
        language = "zh" if chinese[i] else "en"
        own = topics[topic[i]][language]
        a = own[draws[i, 0] % len(own)]
        if other[i] >= 0:
            foreign = topics[other[i]][language]
            b = foreign[draws[i, 1] % len(foreign)]
        else:
            b = own[draws[i, 1] % len(own)]
        if shape[i, 0] < 0.09:
            titles.append(words["vague"][language][draws[i, 2] % len(words["vague"][language])])
        else:
            templates = words["templates"][language]
            titles.append(templates[draws[i, 3] % len(templates)].format(a=a, b=b, A=a[:1].upper() + a[1:]))
        sentences = words["sentences"][language]
        texts.append(sentences[draws[i, 4] % len(sentences)].format(a=a, b=b) if shape[i, 1] < 0.5 else None)

    ids = hex_ids(rng, "c", n, 12)
    numbers = ids.to_pylist()
    slugs = [re.sub(r"[^a-z0-9]+", "-", t.lower()).strip("-") if not z else "" for t, z in zip(titles, chinese, strict=True)]
    sites = [_SITES[k % len(_SITES)] for k in draws[:, 5]]
    paths = [
        f"{'zh' if z else 'en'}/{slug + '-' if slug else ''}{x[1:]}" for z, slug, x in zip(chinese, slugs, numbers, strict=True)
    ]
    urls = pa.array([f"https://{site}/{path}" for site, path in zip(sites, paths, strict=True)], pa.string())
    block = topic * 2 + chinese
    popularity: Floats = np.power(1.0 + rng.permutation(n) % 97, -0.9)
    table = pa.table(
        {
            "content_id": ids,
            "title": pa.array(titles, pa.string()),
            "text": pa.array(texts, pa.string()),
            "category": _categories(rng, topics, topic, other),
            "url": urls,
            "lang": column(["en", "zh"], np.where(rng.random(n) < 0.85, chinese.astype(np.int64), -1)),
            "author": column([f"desk {i}" for i in range(1, 13)], rng.integers(-1, 12, n)),
        }
    ).take(pa.array(rng.permutation(n)))
    return Contents(
        ids=ids,
        titles=pa.array(titles, pa.string()),
        urls=urls,
        topic=topic,
        other_topic=other,
        chinese=chinese,
        popularity=popularity,
        first=np.searchsorted(block, np.arange(2 * len(topics))).astype(np.int64),
        last=np.searchsorted(block, np.arange(2 * len(topics)), side="right").astype(np.int64),
        topic_popularity=topic_popularity,
        table=table,
    )


def _categories(rng: np.random.Generator, topics: list[dict[str, Any]], topic: Ints, other: Ints) -> pa.Array:
    """Tags given by an editor: for six in ten contents, three in a hundred of those wrong."""
    given = rng.random(len(topic)) < 0.6
    wrong = rng.random(len(topic)) < 0.03
    stray = rng.integers(0, len(topics), len(topic))
    first = np.where(wrong, stray, topic)
    chosen = [[j for j in dict.fromkeys(pair) if j >= 0] for pair in zip(first.tolist(), other.tolist(), strict=True)]
    rows = [[topics[j]["tag"] for j in pair] if known else None for pair, known in zip(chosen, given, strict=True)]
    return pa.array(rows, pa.list_(pa.string()))


def choose_contents(rng: np.random.Generator, contents: Contents, topic: Ints, chinese: Bools) -> Ints:
    """One content for each (topic, language); where the topic has none in the language, one in the other."""
    block = topic * 2 + chinese
    empty = contents.last[block] <= contents.first[block]
    block = np.where(empty, topic * 2 + ~chinese, block)
    return pick_in_groups(rng, contents.first, contents.last, contents.popularity, block)
