"""What contents are about, from the categories of those that have one: texts and text vectors in, a score per category out.

TF-IDF (words and word pairs; characters up to three where the script has no spaces) beside the text vectors, and one logistic
regression per category; where every categorised content has exactly one, the scores of a content are made to sum to one.
A content's own categories have score 1. A held-out tenth measures accuracy and macro-F1 against the most frequent category.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.population import Population
from gnn.text.readable import is_readable
from graph.errors import MissingExtra

__all__ = ["Classified", "classify_contents"]

Floats = npt.NDArray[np.float32]
_MINIMUM = 20
_FEATURES = 200_000
_CHARACTERS = 2000


@dataclass(frozen=True)
class Classified:
    """`scores` (m, c) in 0..1 or None where nothing could be learned; `metrics` on held-out contents."""

    scores: Floats | None
    metrics: dict[str, float]


def classify_contents(data: Population, text: Floats | None, *, spaceless: bool, seed: int) -> Classified:
    """Scores of every content, learned from those with categories. Needs readable text on at least 20 of them."""
    known = np.flatnonzero(data.content_category.getnnz(axis=1) > 0)
    readable = np.array([is_readable(t) for t in data.texts], np.bool_)
    usable = known[readable[known]]
    targets = data.content_category[usable].toarray() > 0
    if len(usable) < _MINIMUM or len(data.categories) < 2 or targets.sum(0).max() == len(usable):
        return Classified(None, {})
    features = _features(data.texts, readable, text, spaceless=spaceless)
    shuffled = np.random.default_rng(seed).permutation(len(usable))
    held, kept = shuffled[: len(usable) // 10], shuffled[len(usable) // 10 :]
    metrics = _measure(features[usable], targets, kept, held, seed)
    scores = np.zeros((data.contents, len(data.categories)), np.float32)
    scores[readable] = _fit(features[usable], targets, seed)(features[np.flatnonzero(readable)])
    scores[known] = data.content_category[known].toarray()
    return Classified(scores, metrics)


def _measure(features: sp.csr_matrix, targets: Any, kept: Any, held: Any, seed: int) -> dict[str, float]:
    scores = _fit(features[kept], targets[kept], seed)(features[held])
    best, frequent = scores.argmax(axis=1), int(targets[kept].sum(0).argmax())
    hit = targets[held][np.arange(len(held)), best]
    result = {"contents": float(len(held)), "accuracy": float(hit.mean()), "majority": float(targets[held][:, frequent].mean())}
    if (targets.sum(1) == 1).all():
        truth = targets[held].argmax(axis=1)
        per_class = []
        for c in sorted(set(truth.tolist())):
            both = float(((truth == c) & (best == c)).sum())
            per_class.append(2 * both / max(float((truth == c).sum() + (best == c).sum()), 1.0))
        result["macro_f1"] = float(np.mean(per_class))
    return result


def _features(texts: list[str], readable: npt.NDArray[np.bool_], text: Floats | None, *, spaceless: bool) -> sp.csr_matrix:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtra("Classifying contents", "gnn") from error
    cut = [t[:_CHARACTERS] if r else "" for t, r in zip(texts, readable, strict=True)]
    analyzer = {"analyzer": "char", "ngram_range": (1, 3)} if spaceless else {"ngram_range": (1, 2)}
    vectoriser = TfidfVectorizer(min_df=2, sublinear_tf=True, max_features=_FEATURES, dtype=np.float32, **analyzer)
    try:
        lexical = vectoriser.fit_transform(cut)
    except ValueError:  # no word is left: too short, or each occurs once
        lexical = sp.csr_matrix(np.zeros((len(texts), 0), np.float32))
    if text is None:
        return sp.csr_matrix(lexical)
    return sp.csr_matrix(sp.hstack([lexical, sp.csr_matrix(text)]))


def _fit(features: sp.csr_matrix, targets: Any, seed: int) -> Any:
    """A scorer (b, d) → (b, c)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    single = bool((targets.sum(1) == 1).all())
    present = np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0))
    # One classifier per category (dual coordinate descent): an order faster on sparse text than one softmax by L-BFGS.
    models = [LogisticRegression(C=10, solver="liblinear", dual=True, max_iter=200, tol=1e-2, random_state=seed) for _ in present]
    with warnings.catch_warnings():
        # A fit stopped after max_iter is good enough: the held-out metrics say how good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model, column in zip(models, present, strict=True):
            model.fit(features, targets[:, column].astype(np.int8))

    def scorer(rows: sp.csr_matrix) -> Floats:
        out = np.zeros((rows.shape[0], targets.shape[1]), np.float32)
        for model, column in zip(models, present, strict=True):
            out[:, column] = model.predict_proba(rows)[:, 1]
        if single:  # exactly one category holds
            out /= np.maximum(out.sum(axis=1, keepdims=True), 1e-9)
        return out

    return scorer
