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
    """Takes tokens from named buckets. Thread-safe."""

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
            tokens, now = self._tokens(bucket)
            wait = self._wait(tokens)
            self._buckets[bucket] = (tokens if wait else tokens - 1, now)
            self._buckets.move_to_end(bucket)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
            return wait

    def peek(self, bucket: Hashable) -> int:
        """What `take` would give, taking nothing."""
        with self._lock:
            return self._wait(self._tokens(bucket)[0])

    def _tokens(self, bucket: Hashable) -> tuple[float, float]:
        now = self._clock()
        tokens, then = self._buckets.get(bucket, (self._burst, now))
        return min(self._burst, tokens + (now - then) * self._per_second), now

    def _wait(self, tokens: float) -> int:
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self._per_second))
