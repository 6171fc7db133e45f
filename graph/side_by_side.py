"""Work on all cores, by threads: NumPy, Arrow and compiled loops let go of the interpreter meanwhile.

In: what is to be done, and with what. Out: the results in order; they do not depend on how many threads there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["each", "parts"]

Given = TypeVar("Given")
Made = TypeVar("Made")
_MOST_THREADS = 8
_CHUNK = 1 << 16


def each(work: Callable[[Given], Made], over: Iterable[Given]) -> list[Made]:
    """What `work` makes of each, in order. Raises what it raises."""
    given = list(over)
    threads = min(os.cpu_count() or 1, _MOST_THREADS, len(given))
    if threads < 2:
        return [work(one) for one in given]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))


def parts(length: int, chunk: int = _CHUNK) -> list[slice]:
    """Slices of at most `chunk` rows that are all of `length` rows."""
    return [slice(begin, min(begin + chunk, length)) for begin in range(0, length, chunk)]
