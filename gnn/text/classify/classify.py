"""Classes of texts from those of some: a corpus and its known classes in, probabilities of every text and a report out.

The labelled texts are dealt into folds. Every classifier is fitted without each fold in turn and gives probabilities of that
fold, which nobody it was fitted on is in, and of the texts without classes, where the folds are averaged. The out-of-fold
probabilities decide the weights of the blend (`gnn.text.classify.pool`); the report of the blend takes the weights of each fold
from the others. Of the usual classifiers (`auto`) a costly one that brings next to nothing in a first fold is left out. Stacking
as in Wolpert, "Stacked generalization" (Neural Networks 5, 1992), with a pool as the upper level.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gnn.text.classify.by_name import open_classifiers
from gnn.text.classify.corpus import Bools, Classifier, Corpus, Floats, Indices
from gnn.text.classify.options import ClassifierOptions
from gnn.text.classify.pool import Pool, fit_pool
from gnn.text.classify.report import Report, report_of
from graph.progress import Progress, ignore_progress

__all__ = ["Classification", "classify_texts", "deal"]

_FEW = 10_000
_LEAST_GAIN = 0.005  # of the log-loss: what a costly classifier has to bring in a first fold


@dataclass(frozen=True)
class Classification:
    """`probabilities` (n, c) of every text of the corpus, out of fold for those whose classes are known."""

    probabilities: Floats
    report: Report
    """Of the blend, out of fold."""
    members: dict[str, Report]
    """Of each classifier alone, out of fold."""
    weights: dict[str, float]
    notes: tuple[str, ...] = field(default=())


def classify_texts(
    corpus: Corpus,
    known: Indices,
    targets: Bools,
    names: list[str],
    *,
    options: ClassifierOptions,
    seed: int,
    progress: Progress = ignore_progress,
) -> Classification:
    """Learn from the texts `known` with `targets` (len(known), c) of the classes `names`; at least two texts.

    Raises SettingsError (an unknown classifier, optimiser or model), MissingExtra.
    """
    notes: list[str] = []
    classifiers = open_classifiers(corpus, len(known), options, notes, progress)
    folds = options.folds or (5 if len(known) <= _FEW else 3)
    fold = deal(targets, min(folds, len(known)), seed)
    folds = int(fold.max()) + 1
    others = np.setdiff1d(np.arange(len(corpus.texts)), known)
    chosen: list[Classifier] = []
    held: list[Floats] = []
    rest: list[Floats] = []
    for number, classifier in enumerate(classifiers):
        out, sums = np.zeros(targets.shape, np.float32), np.zeros((len(others), targets.shape[1]), np.float64)
        for f in range(folds):
            progress(f"classifying texts by {classifier.name}", number * folds + f, len(classifiers) * folds)
            inside, outside = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
            asked = np.concatenate([known[outside], others])
            found = classifier.probabilities(known[inside], targets[inside], asked, seed + f)
            out[outside] = found[: len(outside)]
            sums += found[len(outside) :]
            if f == 0 and held and classifier.costly and options.classifiers == "auto":
                tried = _gain([p[outside] for p in held], out[outside], targets[outside], corpus.exclusive)
                if tried < _LEAST_GAIN:
                    notes.append(f"{classifier.name} is left out: in a first fold it changes the log-loss by {-tried:+.2%} alone")
                    break
        else:
            chosen.append(classifier)
            held.append(out)
            rest.append((sums / folds).astype(np.float32))
        notes += [n for n in classifier.notes if n not in notes]
    progress("classifying texts", 1, 1)
    pool = fit_pool(held, targets, exclusive=corpus.exclusive)
    probabilities = np.zeros((len(corpus.texts), targets.shape[1]), np.float32)
    probabilities[others] = pool.apply(rest)
    probabilities[known] = pool.apply(held)

    def judge(found: Floats) -> Report:
        return report_of(targets, found, names, exclusive=corpus.exclusive)

    return Classification(
        probabilities,
        judge(_crossed(held, targets, fold, pool)),
        {c.name: judge(p) for c, p in zip(chosen, held, strict=True)},
        {c.name: w for c, w in zip(chosen, pool.weights, strict=True)},
        tuple(notes),
    )


def _gain(members: list[Floats], added: Floats, targets: Bools, exclusive: bool) -> float:
    """By what share of itself one member more lowers the log-loss of the pool. Both pools are fitted on these texts, so the one
    with a weight more pays for it as by Akaike's criterion: one nat over all texts."""
    names = [str(c) for c in range(targets.shape[1])]
    losses = []
    for each in (members, [*members, added]):
        blended = fit_pool(each, targets, exclusive=exclusive).apply(each)
        losses.append(report_of(targets, blended, names, exclusive=exclusive).log_loss)
    price = 1 / (len(targets) if exclusive else targets.size)
    return 1 - (losses[1] + price) / max(losses[0], 1e-12)


def deal(targets: Bools, folds: int, seed: int) -> Indices:
    """(n,) fold of each text. Texts are shuffled, brought together by their first class, and dealt in turn, so that every fold
    has its share of each class; a class with one example is in one fold alone."""
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(targets[order].argmax(axis=1), kind="stable")]
    fold = np.zeros(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % folds
    return fold


def _crossed(held: list[Floats], targets: Bools, fold: Indices, pool: Pool) -> Floats:
    """The blend with the weights of each fold from the other folds."""
    out = np.zeros(targets.shape, np.float32)
    for f in range(int(fold.max()) + 1):
        inside, outside = fold != f, fold == f
        weights = fit_pool([p[inside] for p in held], targets[inside], exclusive=pool.exclusive) if inside.any() else pool
        out[outside] = weights.apply([p[outside] for p in held])
    return out
