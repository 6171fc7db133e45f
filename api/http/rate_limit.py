"""Token buckets in memory: each bucket holds up to a minute's tokens and fills evenly.

Bounded: the longest unused buckets are forgotten first, and one that was forgotten starts full."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

__all__ = ["RateLimiter"]


class RateLimiter:
    """`take` one token from a named bucket. Thread-safe."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, capacity: int = 100_000) -> None:
        self._per_second = per_minute / 60
        self._burst = float(per_minute)
        self._clock = clock
        self._capacity = capacity
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, bucket: Hashable) -> int:
        """0 when a token was taken, else the whole seconds after which there will be one."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(bucket, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._per_second)
            wait = 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self._per_second))
            self._buckets[bucket] = (tokens if wait else tokens - 1, now)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
            return wait
