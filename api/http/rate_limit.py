"""Token buckets in memory: each bucket holds up to a minute's tokens and fills evenly.

Bounded: the longest unused buckets are forgotten first, and one that was forgotten starts full."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

__all__ = ["Allowance", "RateLimiter"]


@dataclass(frozen=True)
class Allowance:
    """A limit, what is left of it (-1: what was asked for was more), and the seconds until there is more."""

    limit: int
    left: int
    reset_seconds: int


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
        taken = self.spend(bucket)
        return taken.reset_seconds if taken.left < 0 else 0

    def spend(self, bucket: Hashable) -> Allowance:
        """Take a token, and say what is left and when the bucket is full again; `left` is -1 where there was none, and
        `reset_seconds` then the whole seconds after which there will be one."""
        with self._lock:
            tokens, now = self._tokens(bucket)
            wait = self._wait(tokens)
            tokens = tokens if wait else tokens - 1
            self._buckets[bucket] = (tokens, now)
            self._buckets.move_to_end(bucket)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        if wait:
            return Allowance(int(self._burst), -1, wait)
        return Allowance(int(self._burst), int(tokens), math.ceil((self._burst - tokens) / self._per_second))

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
