"""Classifiers by name: a corpus and options in, the classifiers to be blended out, with notes on those left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import scipy.sparse as sp

from gnn.text.classify import linear
from gnn.text.classify.corpus import Classifier, Corpus
from gnn.text.classify.options import ClassifierOptions, classifier_names
from graph.progress import Progress

__all__ = ["open_classifiers"]


def open_classifiers(
    corpus: Corpus, labelled: int, options: ClassifierOptions, notes: list[str], progress: Progress
) -> list[Classifier]:
    """The chosen classifiers over the corpus, of whose texts `labelled` have classes. Raises SettingsError, MissingExtra."""
    names = classifier_names(options.classifiers)
    if names == ("auto",):
        names = _usual(corpus, labelled, options)
    words, characters = _once(lambda: linear.word_features(corpus)), _once(lambda: linear.character_features(corpus))
    opened: list[Classifier] = []
    for name in names:
        if name == "vectors" and corpus.vectors is None:
            notes.append("contents have no text vectors: they are classified without `vectors`")
            continue
        if name == "transformer":
            from gnn.text.classify.finetune import TransformerClassifier, packaged_reads

            if options.transformer.model or packaged_reads(corpus):
                opened.append(TransformerClassifier(corpus, options.transformer, progress))
                continue
            notes.append("no packaged transformer reads the script of the contents: a character network is trained instead")
            if "character-network" in names:
                continue
            name = "character-network"
        if name.endswith("network"):
            from gnn.text.classify.network import NetworkClassifier

            read = replace(options.network, unit="characters") if name == "character-network" else options.network
            opened.append(NetworkClassifier(corpus, read, progress, name=name))
        else:
            features = sp.csr_matrix(corpus.vectors) if name == "vectors" else (words if name.endswith("words") else characters)()
            opened.append(
                linear.LinearClassifier(name, features, exclusive=corpus.exclusive, weighted=name.startswith("weighted-"))
            )
    if not opened:
        return open_classifiers(corpus, labelled, replace(options, classifiers="words,characters"), notes, progress)
    return opened


def _usual(corpus: Corpus, labelled: int, options: ClassifierOptions) -> tuple[str, ...]:
    names = ["characters", "weighted-characters"] if corpus.spaceless else ["words", "characters"]
    if corpus.vectors is not None:
        names.append("vectors")
    if labelled >= options.network_texts:
        names.append("character-network" if corpus.spaceless else "network")
    return tuple(names)


def _once(make: Callable[[], sp.csr_matrix]) -> Callable[[], sp.csr_matrix]:
    made: list[sp.csr_matrix] = []

    def get() -> sp.csr_matrix:
        if not made:
            made.append(make())
        return made[0]

    return get
