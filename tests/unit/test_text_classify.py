"""Classification of texts: linear members, the pool, folds and the report, without any network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from gnn.text.classify import ClassifierOptions, Corpus, classify_texts, report_of
from gnn.text.classify.classify import deal
from gnn.text.classify.corpus import Bools, Floats
from gnn.text.classify.linear import LinearClassifier, character_features, word_features
from gnn.text.classify.options import classifier_names
from gnn.text.classify.pool import fit_pool
from graph.errors import SettingsError

TOPICS = {
    "jazz": ["saxophone solo in a smoky club", "trumpet and double bass swing", "improvised saxophone chorus"],
    "football": ["late goal wins the cup match", "the keeper saved a penalty", "midfield press and a goal"],
    "cooking": ["simmer the onion soup slowly", "knead dough for the bread", "roast garlic and onion"],
}


def world(each: int, seed: int = 0, exclusive: bool = True) -> tuple[Corpus, Bools, list[str]]:
    """`each` texts of every topic with a word or two of another, and their classes."""
    generator = np.random.default_rng(seed)
    names = sorted(TOPICS)
    texts, targets = [], np.zeros((each * len(names), len(names)), np.bool_)
    for i in range(each * len(names)):
        topic = i % len(names)
        words = (
            f"{TOPICS[names[topic]][generator.integers(3)]} {TOPICS[names[generator.integers(3)]][generator.integers(3)]}".split()
        )
        texts.append(" ".join(generator.permutation(words[:8])) + f" number {i}")
        targets[i, topic] = True
    return Corpus(texts, spaceless=False, exclusive=exclusive), targets, names


def probabilities(generator: np.random.Generator, n: int, c: int) -> Floats:
    return generator.dirichlet(np.ones(c), n).astype(np.float32)


def one_hot(classes: np.ndarray, c: int) -> Bools:
    return np.eye(c, dtype=np.bool_)[classes]


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 7), st.integers(2, 6))
def test_folds_are_even_and_every_class_is_spread(seed: int, n: int, classes: int, folds: int) -> None:
    targets = one_hot(np.random.default_rng(seed).integers(0, classes, n), classes)
    fold = deal(targets, folds, seed)
    assert np.array_equal(fold, deal(targets, folds, seed))
    counts = np.bincount(fold, minlength=folds)
    assert counts.max() - counts.min() <= 1
    for c in range(classes):
        inside = np.bincount(fold[targets[:, c]], minlength=folds)
        assert inside.max() - inside.min() <= 1


def test_report_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, classification_report
    from sklearn.metrics import log_loss as reference_loss

    for seed in range(20):
        generator = np.random.default_rng(seed)
        classes = np.r_[np.arange(4), generator.integers(0, 4, 50)]
        found = probabilities(generator, 54, 4)
        report = report_of(one_hot(classes, 4), found, list("abcd"), exclusive=True)
        expected = classification_report(classes, found.argmax(1), output_dict=True, zero_division=0.0)
        for c, name in enumerate("abcd"):
            row, truth = report.classes[name], expected[str(c)]
            assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(
                (truth["precision"], truth["recall"], truth["f1-score"], truth["support"])
            ), seed
        assert report.macro_f1 == pytest.approx(expected["macro avg"]["f1-score"]), seed
        assert report.accuracy == accuracy_score(classes, found.argmax(1)), seed
        scaled = found.astype(np.float64) / found.sum(axis=1, keepdims=True, dtype=np.float64)
        assert report.log_loss == pytest.approx(reference_loss(classes, scaled, labels=range(4)), rel=1e-4), seed


def test_report_of_several_classes_a_text_counts_every_class_of_one_half() -> None:
    targets = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], np.bool_)
    found = np.array([[0.9, 0.6, 0.1], [0.6, 0.7, 0.2], [0.2, 0.1, 0.3]], np.float32)
    report = report_of(targets, found, ["a", "b", "c"], exclusive=False)
    assert report.accuracy == 1
    assert (report.classes["a"].precision, report.classes["a"].recall) == (0.5, 1)
    assert report.classes["c"].f1 == 1


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_weight_of_one_member_is_the_best_there_is(exclusive: bool) -> None:
    for seed in range(5):
        generator = np.random.default_rng(seed)
        classes = generator.integers(0, 3, 4000)
        truth = one_hot(classes, 3)
        logits = generator.normal(size=(4000, 3)) + 1.5 * truth
        member = np.asarray(np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True), np.float32)
        pool = fit_pool([member], truth, exclusive=exclusive)
        if exclusive:  # the oracle: a search along the one weight
            logs = np.log(np.clip(member.astype(float), 1e-5, 1 - 1e-5))

            def loss(weight: float, logs: np.ndarray = logs, truth: Bools = truth) -> float:
                return float((np.logaddexp.reduce(weight * logs, axis=1) - weight * logs[truth]).sum())

            best = minimize_scalar(loss, bounds=(0, 5), method="bounded").x
            assert pool.weights[0] == pytest.approx(best, abs=0.01), seed
        sure = report_of(truth, member, list("abc"), exclusive=exclusive).log_loss
        assert report_of(truth, pool.apply([member]), list("abc"), exclusive=exclusive).log_loss < sure


@given(st.integers(0, 1000))
def test_the_order_of_members_does_not_matter_and_noise_weighs_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = one_hot(generator.integers(0, 3, 400), 3)
    good = np.asarray(0.6 * truth + 0.4 * probabilities(generator, 400, 3), np.float32)
    noise = probabilities(generator, 400, 3)
    forward, backward = fit_pool([good, noise], truth, exclusive=True), fit_pool([noise, good], truth, exclusive=True)
    assert forward.weights == pytest.approx(backward.weights[::-1], abs=1e-3)
    assert forward.weights[1] < 0.2 < forward.weights[0]
    assert forward.apply([good, noise]).sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["words", "characters", "weighted-words", "weighted-characters"])
@pytest.mark.parametrize("exclusive", [True, False])
def test_linear_classifiers_find_topics(name: str, exclusive: bool) -> None:
    corpus, targets, _ = world(60, exclusive=exclusive)
    features = word_features(corpus) if name.endswith("words") else character_features(corpus)
    member = LinearClassifier(name, features, exclusive=exclusive, weighted=name.startswith("weighted"))
    fit, asked = np.arange(120), np.arange(120, 180)
    found = member.probabilities(fit, targets[fit], asked, 0)
    assert np.array_equal(found, member.probabilities(fit, targets[fit], asked, 0))
    assert (found.argmax(1) == targets[asked].argmax(1)).mean() > 0.75
    assert ((found >= 0) & (found <= 1)).all()
    if exclusive:
        assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_class_without_an_example_has_no_probability_and_a_universal_one_all() -> None:
    corpus, targets, _ = world(20, exclusive=False)
    targets = np.hstack([targets, np.zeros((60, 1), np.bool_), np.ones((60, 1), np.bool_)])
    member = LinearClassifier("words", word_features(corpus), exclusive=False)
    found = member.probabilities(np.arange(40), targets[:40], np.arange(40, 60), 0)
    assert (found[:, 3] == 0).all()
    assert (found[:, 4] == 1).all()


def test_texts_without_a_word_in_common_get_the_shares_of_the_classes() -> None:
    corpus = Corpus([f"x{i}y" for i in range(10)], spaceless=False, exclusive=True)
    member = LinearClassifier("words", word_features(corpus), exclusive=True)
    targets = np.array([[True, False]] * 6 + [[False, True]] * 2)
    found = member.probabilities(np.arange(8), targets, np.arange(8, 10), 0)
    assert found == pytest.approx(np.array([[0.75, 0.25]] * 2), abs=1e-4)


def test_the_blend_is_as_good_as_its_best_member_and_says_what_it_is() -> None:
    corpus, targets, names = world(60)
    known = np.arange(0, 180, 2)
    options = ClassifierOptions("words,characters,weighted-words")
    found = classify_texts(corpus, known, targets[known], names, options=options, seed=0)
    others = np.arange(1, 180, 2)
    assert (found.probabilities[others].argmax(1) == targets[others].argmax(1)).mean() > 0.75
    assert found.report.log_loss < min(m.log_loss for m in found.members.values()) + 0.02
    assert list(found.members) == list(found.weights) == ["words", "characters", "weighted-words"]
    assert set(found.report.classes) == set(names)
    again = classify_texts(corpus, known, targets[known], names, options=options, seed=0)
    assert np.array_equal(found.probabilities, again.probabilities)


def test_a_text_never_helps_to_find_its_own_class() -> None:
    """Random classes that one word of each text spells out: in fold they are known by heart, out of fold nothing is known."""
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 2, 200)
    texts = [f"word{i} word{i} common words of all" for i in range(200)]
    corpus, targets = Corpus(texts, spaceless=False, exclusive=True), one_hot(classes, 2)
    found = classify_texts(corpus, np.arange(200), targets, ["a", "b"], options=ClassifierOptions("words,characters"), seed=0)
    assert found.report.accuracy < 0.62
    assert (found.probabilities.argmax(1) == classes).mean() < 0.62


def test_a_class_with_one_example_is_no_error() -> None:
    corpus, targets, names = world(20)
    targets = np.hstack([targets, np.zeros((60, 1), np.bool_)])
    targets[7] = [False, False, False, True]
    known = np.arange(50)
    found = classify_texts(
        corpus, known, targets[known], [*names, "rare"], options=ClassifierOptions("words,weighted-words"), seed=1
    )
    assert np.isfinite(found.probabilities).all()
    assert found.report.classes["rare"].recall == 0


@pytest.mark.parametrize("chosen", ["", "wrods", "auto,words", "words,naive"])
def test_an_unknown_classifier_is_one_line_with_the_names_allowed(chosen: str) -> None:
    with pytest.raises(SettingsError, match="use auto or one or more of words, characters") as raised:
        classifier_names(chosen)
    assert "\n" not in str(raised.value)


def test_names_are_read_in_order_and_once() -> None:
    assert classifier_names(" Words, network,words ") == ("words", "network")
    assert classifier_names("auto") == ("auto",)


def test_what_cannot_be_had_is_left_out_and_said() -> None:
    corpus, targets, names = world(20)
    known = np.arange(50)
    found = classify_texts(corpus, known, targets[known], names, options=ClassifierOptions("vectors"), seed=0)
    assert list(found.weights) == ["words", "characters"]
    assert found.notes == ("contents have no text vectors: they are classified without `vectors`",)
