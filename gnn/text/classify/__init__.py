"""Classes of texts: classifiers by name, blended by cross-validation, with a classification report."""

from gnn.text.classify.classify import Classification, classify_texts
from gnn.text.classify.corpus import Classifier, Corpus
from gnn.text.classify.options import CLASSIFIERS, ClassifierOptions, FineTuneOptions, NetworkOptions
from gnn.text.classify.report import ClassReport, Report, report_of

__all__ = [
    "CLASSIFIERS",
    "ClassReport",
    "Classification",
    "Classifier",
    "ClassifierOptions",
    "Corpus",
    "FineTuneOptions",
    "NetworkOptions",
    "Report",
    "classify_texts",
    "report_of",
]
