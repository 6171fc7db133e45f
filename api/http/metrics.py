"""Prometheus metrics of one app: requests and their duration by route template, what the collector took, and model drift.

Labels come from closed sets (templates, methods, statuses): an identifier can never become a label."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_DRIFT_KINDS = ("inputs", "labels", "channels", "scores", "contents")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tessera_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "tessera_http_request_seconds", "Seconds to answer.", ["method", "route"], buckets=_BUCKETS, registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_progress = Gauge("tessera_http_requests_in_progress", "Requests being answered.", registry=self.registry)
        self.collected = Counter("tessera_collected_calls", "Tracking calls taken.", ["type"], registry=self.registry)
        # Without reasons: anybody may read this, and a reason would tell the absent from those who refuse.
        self.denied = Counter("tessera_privacy_denials", "Releases that the privacy gate denied.", registry=self.registry)

        self._drift = Gauge(
            "tessera_model_drift",
            "Largest population stability index of each kind when drift was last measured.",
            ["kind"],
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is a template."""
        method = method if method in _METHODS else "other"
        found = self._counters.get((method, route, status))
        if found is None:  # finding them by their labels takes longer than counting
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._counters[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def take_drift(self, models: Path) -> None:
        """Read what `tessera model drift` last found, if it was ever run: the worst index of each kind, none of any tag."""
        try:
            told = json.loads((models / "drift.json").read_text())["worst"]
            for kind in _DRIFT_KINDS:
                if kind in told:
                    self._drift.labels(kind).set(float(told[kind]))
        except (OSError, ValueError, KeyError, TypeError):
            return  # never measured, or no file of ours

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
