"""Linear classifiers of texts: TF-IDF of words or characters, or frozen vectors, and one logistic regression a class.

`words`                words and word pairs
`characters`           characters up to three in a row, over word limits where a script has no spaces and within words else
`weighted-…`           the same times the naive-Bayes log-count ratio of the class at hand, x ∘ log((p/‖p‖₁)/(q/‖q‖₁)) with p
                       and q the smoothed document counts with and without the class (Wang & Manning, "Baselines and Bigrams",
                       ACL 2012)
`vectors`              frozen text vectors

Document frequencies are counted over all texts, those without a class included; no class is looked at for that.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from gnn.text.classify.corpus import Bools, Corpus, Floats, Indices
from graph.errors import MissingExtra

__all__ = ["LinearClassifier", "character_features", "word_features"]

_FEATURES = 200_000
_INVERSE_PENALTY = 10.0
_INVERSE_PENALTY_WEIGHTED = 30.0  # the ratios shrink the features of common terms, so that little of them is to be penalised
_LEAST = 1e-6


def word_features(corpus: Corpus) -> sp.csr_matrix:
    """(n, d) TF-IDF of words and word pairs."""
    return _tf_idf(corpus, ngram_range=(1, 2), min_df=2)


def character_features(corpus: Corpus) -> sp.csr_matrix:
    """(n, d) TF-IDF of characters."""
    if corpus.spaceless:
        return _tf_idf(corpus, analyzer="char", ngram_range=(1, 3), min_df=2)
    return _tf_idf(corpus, analyzer="char_wb", ngram_range=(2, 5), min_df=3)


def _tf_idf(corpus: Corpus, **how: Any) -> sp.csr_matrix:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtra("Classifying contents", "gnn") from error
    vectoriser = TfidfVectorizer(sublinear_tf=True, max_features=_FEATURES, dtype=np.float32, **how)
    try:
        return sp.csr_matrix(vectoriser.fit_transform(corpus.texts))
    except ValueError:  # nothing is left: too short, or each term occurs once
        return sp.csr_matrix((len(corpus.texts), 0), dtype=np.float32)


class LinearClassifier:
    """One logistic regression a class on given features (n, d)."""

    costly = False

    def __init__(self, name: str, features: sp.csr_matrix, *, exclusive: bool, weighted: bool = False) -> None:
        self.name = name
        self.notes: list[str] = []
        self._features = features
        self._exclusive = exclusive
        self._weighted = weighted

    def probabilities(self, fit: Indices, targets: Bools, asked: Indices, seed: int) -> Floats:
        """As `Classifier.probabilities`. Without any feature: the share of each class."""
        known, wanted = self._features[fit], self._features[asked]
        out = np.zeros((len(asked), targets.shape[1]), np.float32)
        binary = sp.csr_matrix(known > 0, dtype=np.float32)
        for column in np.flatnonzero(targets.any(axis=0)):
            positive = targets[:, column]
            if positive.all() or not known.shape[1]:
                out[:, column] = positive.mean()
                continue
            inputs, asking, inverse_penalty = known, wanted, _INVERSE_PENALTY
            if self._weighted:
                ratios = sp.diags(_log_count_ratio(binary, positive))
                inputs, asking = sp.csr_matrix(known @ ratios), sp.csr_matrix(wanted @ ratios)
                inverse_penalty = _INVERSE_PENALTY_WEIGHTED
            out[:, column] = _logistic(inputs, positive, asking, inverse_penalty, seed)
        if self._exclusive:
            out = np.maximum(out, _LEAST * targets.any(axis=0))
            out /= np.maximum(out.sum(axis=1, keepdims=True), _LEAST)
        return out.astype(np.float32)


def _log_count_ratio(binary: sp.csr_matrix, positive: Bools) -> Floats:
    with_class = np.asarray(binary[positive].sum(axis=0)).ravel() + 1
    without = np.asarray(binary[~positive].sum(axis=0)).ravel() + 1
    ratio: Floats = np.log(with_class / with_class.sum() * without.sum() / without).astype(np.float32)
    return ratio


def _logistic(known: sp.csr_matrix, positive: Bools, wanted: sp.csr_matrix, inverse_penalty: float, seed: int) -> Floats:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Dual coordinate descent: an order faster on sparse text than one softmax by L-BFGS.
    model = LogisticRegression(C=inverse_penalty, solver="liblinear", dual=True, max_iter=200, tol=1e-2, random_state=seed)
    with warnings.catch_warnings():
        # A fit stopped after max_iter is good enough: the out-of-fold report says how good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(known, positive)
    return np.asarray(model.predict_proba(wanted)[:, 1], np.float32)
