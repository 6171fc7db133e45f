"""Small products of matrices on one thread each, while the work around them is shared by threads of our own.

A linear algebra library that wakes all cores for a product of a fraction of a millisecond waits for them longer than it works,
and where other work holds those cores, a thousand times longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

__all__ = ["one_thread_each"]


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Until it ends, by one caller at a time: the limit is the process', and two who set and lift it would leave it standing."""
    controller, lock = _limiter()
    with lock, controller.limit(limits=1, user_api="blas"):
        yield


@cache
def _limiter() -> tuple[Any, Lock]:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController(), Lock()
