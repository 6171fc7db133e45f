"""Contents of a population to scores a category: what is learned, what is kept, and what is said where nothing is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from gnn.features.population import Population, Tagging
from gnn.tags.categories import Classified, classify_contents
from gnn.text.classify import ClassifierOptions
from gnn.text.readable import spaceless_share

TEXTS = {
    "music": ["saxophone solo", "trumpet chorus"],
    "sport": ["late goal", "saved penalty"],
    "food": ["onion soup", "warm bread"],
}
LINEAR = ClassifierOptions("words,characters", folds=3)


def contents(texts: list[str], categories: list[list[str]]) -> Population:
    """A population of nobody with those contents."""
    names = sorted({c for row in categories for c in row})
    matrix = np.array([[n in row for n in names] for row in categories], np.float32).reshape(len(texts), len(names))
    nothing = np.zeros(0, np.int64)
    return Population(
        person_ids=pa.array([], pa.string()),
        content_ids=[f"c{i}" for i in range(len(texts))],
        engagement=sp.csr_matrix((0, len(texts)), dtype=np.float32),
        relations=sp.csr_matrix((0, 0), dtype=np.float32),
        tags=[],
        skipped=[],
        labels=np.zeros((0, 0), np.float32),
        labelled=np.zeros(0, np.bool_),
        tagged=Tagging(nothing, nothing, nothing, nothing.astype(np.float32)),
        texts=texts,
        categories=names,
        content_category=sp.csr_matrix(matrix),
        as_of=None,
    )


def topics(n: int) -> tuple[list[str], list[str]]:
    names = sorted(TEXTS)
    return [f"{TEXTS[names[i % 3]][i // 3 % 2]} of day {i}" for i in range(n)], [names[i % 3] for i in range(n)]


def classify(texts: list[str], categories: list[list[str]], options: ClassifierOptions = LINEAR) -> Classified:
    return classify_contents(contents(texts, categories), None, seed=0, options=options)


def test_own_categories_are_kept_and_missing_ones_are_found() -> None:
    texts, truth = topics(90)
    found = classify(texts, [[c] if i % 5 else [] for i, c in enumerate(truth)])
    assert found.scores is not None
    names = sorted(TEXTS)
    for i, c in enumerate(truth):
        assert names[found.scores[i].argmax()] == c
        assert found.scores[i].sum() == pytest.approx(1, abs=1e-5)
        if i % 5:
            assert found.scores[i].max() == 1
    assert found.metrics["accuracy"] > 0.95 > 0.4 > found.metrics["majority"]
    assert found.metrics["contents"] == 72
    assert set(found.details["categories"]) == set(names)
    assert set(found.details["classifiers"]) == {"words", "characters"}
    assert found.notes[0].startswith("contents are classified by ")
    assert all("\n" not in n for n in found.notes)


def test_contents_without_text_in_opaque_text_or_in_unknown_signs_are_left_alone() -> None:
    texts, truth = topics(60)
    texts += ["", "t23773", "   ", "\ue000\ue001\ue002", "\u16a0\u16a2\u16a6 \u16a8\u16b1", "\x00\x01"]
    found = classify(texts, [[c] if i < 50 else [] for i, c in enumerate(truth)] + [[]] * 6)
    assert found.scores is not None
    assert np.isfinite(found.scores).all()
    assert not found.scores[[60, 61, 62, 63, 65]].any()
    assert found.scores[64].sum() == pytest.approx(1, abs=1e-5)


def test_a_text_of_ten_megabytes_is_cut() -> None:
    texts, truth = topics(60)
    texts[59] = "late goal " * 1_000_000
    found = classify(texts, [[c] if i < 50 else [] for i, c in enumerate(truth)])
    assert found.scores is not None
    assert sorted(TEXTS)[found.scores[59].argmax()] == "sport"


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("one class", "nothing to tell apart"),
        ("the same two", "nothing to tell apart"),
        ("few", "20 are needed"),
        ("no text", "0 contents with categories have readable text"),
        ("all known", "no readable content is without categories"),
    ],
)
def test_where_nothing_can_be_learned_one_line_says_why(case: str, note: str) -> None:
    texts, truth = topics(60)
    categories: list[list[str]] = [[c] for c in truth]
    if case == "one class":
        categories = [["music"] if i < 50 else [] for i in range(60)]
    elif case == "the same two":
        categories = [["music", "sport"] if i < 50 else [] for i in range(60)]
    elif case == "few":
        categories = [[c] if i < 12 else [] for i, c in enumerate(truth)]
    elif case == "no text":
        texts = [""] * 60
    found = classify(texts, categories)
    assert found.scores is None
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert "\n" not in found.notes[0]


def test_without_categories_nothing_is_said() -> None:
    texts, _ = topics(30)
    assert classify(texts, [[]] * 30) == Classified(None)


def test_a_category_with_one_example_is_said_to_be_hardly_learned() -> None:
    texts, truth = topics(60)
    categories = [[c] if i < 50 else [] for i, c in enumerate(truth)]
    categories[3] = ["rare"]
    found = classify(texts, categories)
    assert found.scores is not None
    assert "1 categories have fewer than 2 readable examples and are hardly learned: rare" in found.notes


def test_several_categories_a_content() -> None:
    generator = np.random.default_rng(0)
    names = sorted(TEXTS)
    has = generator.random((120, 3)) < 0.4
    has[has.sum(1) == 0, 0] = True
    texts = [" and ".join(TEXTS[names[c]][i % 2] for c in np.flatnonzero(row)) for i, row in enumerate(has)]
    found = classify(texts, [[names[c] for c in np.flatnonzero(row)] if i < 90 else [] for i, row in enumerate(has)])
    assert found.scores is not None
    assert ((found.scores[90:] > 0.5) == has[90:]).mean() > 0.95


def test_two_runs_are_equal_bit_for_bit() -> None:
    texts, truth = topics(60)
    categories = [[c] if i < 50 else [] for i, c in enumerate(truth)]
    first, second = classify(texts, categories), classify(texts, categories)
    assert first.scores is not None
    assert second.scores is not None
    assert np.array_equal(first.scores, second.scores)
    assert (first.metrics, first.notes) == (second.metrics, second.notes)


def test_scripts_without_spaces_are_known() -> None:
    assert spaceless_share(["体育新闻", "ไทย", "ひらがな"]) == 1
    assert spaceless_share(["Спорт", "أخبار", "뉴스", "hello"]) == 0
    assert spaceless_share(["ab体育"]) == 0.5
    assert spaceless_share(["12 !"]) == 0
