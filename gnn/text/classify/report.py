"""Classification report: true classes and probabilities in, precision, recall and F1 a class, macro means and accuracy out.

Of exclusive classes the most probable is the answer; of others every class of at least one half, and the most probable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnn.text.classify.corpus import Bools, Floats

__all__ = ["ClassReport", "Report", "report_of"]


@dataclass(frozen=True)
class ClassReport:
    """Of one class: `support` true texts, and how they and the answers agree."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Report:
    """`accuracy`: share of texts whose most probable class is true. Macro means are over classes that occur.
    `log_loss`: mean negative log probability of the true class, in nats (of exclusive classes; else per text and class)."""

    texts: int
    accuracy: float
    majority: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    log_loss: float
    classes: dict[str, ClassReport]

    def figures(self) -> dict[str, float]:
        """The figures over all classes, by name."""
        return {k: float(v) for k, v in asdict(self).items() if k not in ("classes", "texts")}

    def rows(self) -> dict[str, dict[str, Any]]:
        """Class to its figures."""
        return {name: asdict(row) for name, row in self.classes.items()}


def report_of(targets: Bools, probabilities: Floats, names: list[str], *, exclusive: bool) -> Report:
    """The report of (n, c) probabilities against (n, c) targets; n at least 1."""
    best = np.eye(targets.shape[1], dtype=np.bool_)[probabilities.argmax(axis=1)]
    said = best if exclusive else best | (probabilities >= 0.5)
    hits, answers, support = (targets & said).sum(0), said.sum(0), targets.sum(0)
    precision = hits / np.maximum(answers, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(answers + support, 1)
    occurs = np.flatnonzero(support)
    clipped = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    exact, each = -np.log(clipped[targets]), -np.where(targets, np.log(clipped), np.log1p(-clipped))
    return Report(
        texts=len(targets),
        accuracy=float((targets & best).any(axis=1).mean()),
        majority=float(support.max() / len(targets)),
        macro_precision=float(precision[occurs].mean()),
        macro_recall=float(recall[occurs].mean()),
        macro_f1=float(f1[occurs].mean()),
        log_loss=float(exact.mean() if exclusive else each.mean()),
        classes={
            names[c]: ClassReport(float(precision[c]), float(recall[c]), float(f1[c]), int(support[c])) for c in occurs.tolist()
        },
    )
