"""Metrics for tags and rankings, in NumPy."""

from gnn.evaluate.metrics import (
    TagMetrics,
    average_precision,
    bootstrap_interval,
    brier_skill,
    calibration_error,
    precision_at,
    roc_auc,
    tag_metrics,
)

__all__ = [
    "TagMetrics",
    "average_precision",
    "bootstrap_interval",
    "brier_skill",
    "calibration_error",
    "precision_at",
    "roc_auc",
    "tag_metrics",
]
