"""The level of agreement of two values, compiled: one function for each kind, and one that takes a pair of records.

In: numbers of values, the arrays of `values.Packed` (`v`, `u`, `w`), and per column its kind and the column with which it may be
crosswise (`columns`, as in `parameters.Tables`).
Out: levels as `kinds` names them, `MISSING` where a value is missing. Names: Jaro-Winkler (Winkler 1990), metaphone, parts;
texts: shared words by inverse document frequency, one typing error in a word allowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.kinds import kind_number
from graph.resolve.records.strings import LONGEST, bits, jaro_bound, jaro_winkler, one_edit, part_of

__all__ = [
    "CROSSWISE", "EMAIL", "EQUAL_DOMAIN", "UNKNOWN", "highest_level", "level_of", "pair_level", "pair_levels", "top_level",
]  # fmt: skip

_CATEGORY = kind_number("category")
_NAME = kind_number("name")
_DATE = kind_number("date")
EMAIL = kind_number("email")
EQUAL_DOMAIN = 1
"""Level of two e-mail addresses that have their domain alone in common."""
_TEXT = kind_number("text")
_NUMBER = kind_number("number")
Units = npt.NDArray[np.uint16]
CROSSWISE = 4
"""Level of two names that stand in each other's columns."""
UNKNOWN = -2
"""Level that has not been worked out yet."""
_JARO_NEAR = 0.92
_JARO_ALIKE = 0.82
_JARO_IDENTIFIER = 0.88
_JARO_TEXT = 0.95
_YEAR = 10_000


@njit(cache=True, nogil=True)
def _likeness(v: Any, u: Units, a: int, b: int, least: float) -> float:
    """Jaro-Winkler similarity, 0 where it is under `least` for sure."""
    la, lb = v[a].length, v[b].length
    bound = jaro_bound(v[a].letters, min(la, 64), v[b].letters, min(lb, 64))
    if bound + 0.4 * (1.0 - bound) < least:
        return 0.0
    return jaro_winkler(u, v[a].start, la, v[b].start, lb, least)


@njit(cache=True, nogil=True)
def _edit(v: Any, u: Units, a: int, b: int) -> bool:
    if bits(v[a].letters ^ v[b].letters) > 2:  # one edit takes a letter away and adds one, at most
        return False
    return one_edit(u, v[a].start, v[a].length, v[b].start, v[b].length)


@njit(cache=True, nogil=True)
def _name(v: Any, u: Units, a: int, b: int) -> int:
    la, lb = v[a].length, v[b].length
    if min(la, lb) >= 3 and _edit(v, u, a, b):
        return 3
    likeness = _likeness(v, u, a, b, _JARO_ALIKE)
    if likeness >= _JARO_NEAR and min(la, lb) >= 3:
        return 3
    if likeness >= _JARO_ALIKE or (v[a].extra != 0 and v[a].extra == v[b].extra):
        return 2
    if part_of(u, v[a].start, la, v[b].start, lb):
        return 1
    return 0


@njit(cache=True, nogil=True)
def _date(v: Any, u: Units, a: int, b: int) -> int:
    if _edit(v, u, a, b):
        return 4
    da, db = int(v[a].number), int(v[b].number)
    if da == 0 or db == 0:
        return 0
    ya, yb, ma, mb = da // _YEAR, db // _YEAR, da // 100 % 100, db // 100 % 100
    xa, xb = da % 100, db % 100
    if ya == yb and ma == xb and xa == mb:
        return 4
    if (ya == yb) + (ma == mb) + (xa == xb) >= 2:
        return 3
    apart = abs((ya - yb) * 365 + (ma - mb) * 30 + (xa - xb))
    if ya == yb or apart <= 366:
        return 2
    return 1 if apart <= 3653 else 0


@njit(cache=True, nogil=True)
def _identifier(v: Any, u: Units, a: int, b: int) -> int:
    la, lb = v[a].length, v[b].length
    if min(la, lb) >= 3 and _edit(v, u, a, b):
        return 2
    if min(la, lb) >= 5 and _likeness(v, u, a, b, _JARO_IDENTIFIER) >= _JARO_IDENTIFIER:
        return 1
    return 0


@njit(cache=True, nogil=True)
def _alike_names(v: Any, a: int, b: int) -> bool:
    """Whether what stands before the @ may be alike, by the sets of letters."""
    la, lb = int(v[a].number), int(v[b].number)
    if min(la, lb) < 4:
        return False
    if max(la, lb) > LONGEST or (abs(la - lb) <= 1 and bits(v[a].letters ^ v[b].letters) <= 2):
        return True
    bound = jaro_bound(v[a].letters, la, v[b].letters, lb)
    return bound + 0.4 * (1.0 - bound) >= _JARO_NEAR


@njit(cache=True, nogil=True)
def _email(v: Any, u: Units, a: int, b: int) -> int:
    la, lb = int(v[a].number), int(v[b].number)
    sa, sb = v[a].start, v[b].start
    if _edit(v, u, a, b):
        return 3
    if la == lb and la > 0:
        i = 0
        while i < la and u[sa + i] == u[sb + i]:
            i += 1
        if i == la:
            return 3
    if _alike_names(v, a, b) and (one_edit(u, sa, la, sb, lb) or jaro_winkler(u, sa, la, sb, lb, _JARO_NEAR) > 0):
        return 2
    return 1 if v[a].extra != 0 and v[a].extra == v[b].extra else 0


@njit(cache=True, nogil=True)
def _text(v: Any, u: Units, w: Any, a: int, b: int) -> int:
    if _edit(v, u, a, b):
        return 4
    whole_a, whole_b, common = 0.0, 0.0, 0.0
    for i in range(v[a].first_word, v[a].first_word + v[a].words):
        whole_a += w[i].weight
    for j in range(v[b].first_word, v[b].first_word + v[b].words):
        whole_b += w[j].weight
    one = np.uint64(1)
    used_a, used_b = np.uint64(0), np.uint64(0)
    for i in range(v[a].first_word, v[a].first_word + v[a].words):
        for j in range(v[b].first_word, v[b].first_word + v[b].words):
            bit = one << np.uint64(j - v[b].first_word)
            if w[i].hash == w[j].hash and used_b & bit == 0:
                used_b |= bit
                used_a |= one << np.uint64(i - v[a].first_word)
                common += w[i].weight
                break
    for i in range(v[a].first_word, v[a].first_word + v[a].words):
        if used_a & (one << np.uint64(i - v[a].first_word)) != 0 or w[i].length < 4:
            continue
        for j in range(v[b].first_word, v[b].first_word + v[b].words):
            bit = one << np.uint64(j - v[b].first_word)
            if used_b & bit != 0 or w[j].length < 4 or bits(np.uint64(w[i].letters ^ w[j].letters)) > 2:
                continue
            if one_edit(u, w[i].begin, w[i].length, w[j].begin, w[j].length):
                used_b |= bit
                shared = min(w[i].weight, w[j].weight)  # the misspelt word is rarer than the word that is meant
                whole_a, whole_b, common = whole_a + shared - w[i].weight, whole_b + shared - w[j].weight, common + shared
                break
    overlap = common / max(np.sqrt(whole_a * whole_b), 1e-9)
    if overlap >= 0.85:
        return 4
    if min(v[a].length, v[b].length) <= 48 and _likeness(v, u, a, b, _JARO_TEXT) >= _JARO_TEXT:
        return 4
    return 3 if overlap >= 0.6 else 2 if overlap >= 0.35 else 1 if overlap >= 0.15 else 0


@njit(cache=True, nogil=True)
def _number(v: Any, u: Units, a: int, b: int) -> int:
    x, y = v[a].number, v[b].number
    if x == y:
        return 3
    if not (np.isfinite(x) and np.isfinite(y)):
        return 0
    if x == np.floor(x) and y == np.floor(y) and min(x, y) >= 1000 and max(x, y) < 2100:  # years
        apart = abs(x - y)
        return 2 if apart <= 1 else 1 if apart <= 5 else 0
    apart = abs(x - y) / max(abs(x), abs(y))
    return 2 if apart <= 0.01 else 1 if apart <= 0.1 else 0


@njit(cache=True, nogil=True)
def top_level(kind: int) -> int:
    """Level of two equal values."""
    if kind == _CATEGORY:
        return 2
    if kind in (_NAME, _DATE, _TEXT):
        return 5
    return 4 if kind == EMAIL else 3


@njit(cache=True, nogil=True)
def level_of(kind: int, v: Any, u: Units, w: Any, a: int, b: int) -> int:
    """Level of two values of one column; -1 stands for a missing value. Symmetric."""
    if a < 0 or b < 0:
        return -1
    if a == b:
        return top_level(kind)
    if v[a].hash > v[b].hash:
        a, b = b, a
    if kind == _CATEGORY:
        return 1 if _edit(v, u, a, b) else 0
    if kind == _NAME:
        return _name(v, u, a, b)
    if kind == _DATE:
        return _date(v, u, a, b)
    if kind == EMAIL:
        return _email(v, u, a, b)
    if kind == _TEXT:
        return _text(v, u, w, a, b)
    if kind == _NUMBER:
        return _number(v, u, a, b)
    return _identifier(v, u, a, b)


@njit(cache=True, nogil=True)
def _same(v: Any, u: Units, a: int, b: int) -> int:
    """2: equal, 1: alike, 0: neither."""
    if v[a].hash == v[b].hash:
        return 2
    if v[a].hash > v[b].hash:
        a, b = b, a
    return 1 if _likeness(v, u, a, b, _JARO_ALIKE) >= _JARO_ALIKE else 0


@njit(cache=True, nogil=True)
def pair_level(
    columns: npt.NDArray[np.int64],
    v: Any,
    u: Units,
    w: Any,
    codes: npt.NDArray[np.int32],
    a: int,
    b: int,
    levels: npt.NDArray[np.int8],
    row: int,
    c: int,
) -> None:
    """Work out the level of column `c` of the records `a` and `b` into `levels[row]`, and with it that of the column with which
    it may be crosswise."""
    if levels[row, c] != -2:
        return
    level = level_of(columns[c, 0], v, u, w, codes[a, c], codes[b, c])
    levels[row, c] = level
    p = columns[c, 3]
    if p < 0:
        return
    other = level_of(columns[p, 0], v, u, w, codes[a, p], codes[b, p])
    levels[row, p] = other
    if level < 0 or other < 0 or level > 2 or other > 2:
        return
    if _same(v, u, codes[a, c], codes[b, p]) + _same(v, u, codes[a, p], codes[b, c]) >= 3:
        levels[row, c] = levels[row, p] = 4


@njit(cache=True, nogil=True)
def _crosswise_possible(columns: npt.NDArray[np.int64], v: Any, codes: npt.NDArray[np.int32], a: int, b: int, c: int) -> bool:
    """Of two names that stand in each other's columns one at least is equal."""
    p = columns[c, 3]
    if p < 0 or codes[a, p] < 0 or codes[b, p] < 0:
        return False
    return bool(v[codes[a, c]].hash == v[codes[b, p]].hash or v[codes[a, p]].hash == v[codes[b, c]].hash)


@njit(cache=True, nogil=True)
def _likely(v: Any, x: int, y: int) -> float:
    """Upper bound of the Jaro-Winkler similarity."""
    bound = jaro_bound(v[x].letters, min(v[x].length, LONGEST), v[y].letters, min(v[y].length, LONGEST))
    return bound + 0.4 * (1.0 - bound)


@njit(cache=True, nogil=True)
def highest_level(columns: npt.NDArray[np.int64], v: Any, u: Units, codes: npt.NDArray[np.int32], a: int, b: int, c: int) -> int:
    """The highest level that two different values of column `c` can have, told cheaply: from lengths and sets of letters, or from
    whether one edit parts them, which mostly shows at once."""
    x, y = codes[a, c], codes[b, c]
    kind = columns[c, 0]
    if kind == _CATEGORY:
        return 1 if bits(v[x].letters ^ v[y].letters) <= 2 else 0
    if kind == _NAME:
        if _crosswise_possible(columns, v, codes, a, b, c):
            return 4
        if max(v[x].length, v[y].length) > LONGEST:
            return 3
        bound = _likely(v, x, y)
        if bound >= _JARO_NEAR or bits(v[x].letters ^ v[y].letters) <= 2:
            return 3
        if bound >= _JARO_ALIKE or (v[x].extra != 0 and v[x].extra == v[y].extra):
            return 2
        shorter, longer = (x, y) if v[x].length < v[y].length else (y, x)
        return 1 if v[shorter].letters & ~v[longer].letters == 0 else 0
    if kind == _DATE:
        return _date(v, u, x, y)
    if kind == _NUMBER:
        return _number(v, u, x, y)
    if kind == EMAIL:
        near = bits(v[x].letters ^ v[y].letters) <= 2
        return 3 if near else 2 if _alike_names(v, x, y) else 1
    if kind == _TEXT:
        return 4
    if abs(v[x].length - v[y].length) <= 1 and bits(v[x].letters ^ v[y].letters) <= 2:
        return 2
    return 1 if min(v[x].length, v[y].length) >= 5 and _likely(v, x, y) >= _JARO_IDENTIFIER else 0


@njit(cache=True, nogil=True)
def pair_levels(
    columns: npt.NDArray[np.int64],
    v: Any,
    u: Units,
    w: Any,
    codes: npt.NDArray[np.int32],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    levels: npt.NDArray[np.int8],
) -> None:
    """Levels int8 [pairs, columns] of pairs of records, in place."""
    for i in range(len(left)):
        for c in range(len(columns)):
            levels[i, c] = -2
        for c in range(len(columns)):
            pair_level(columns, v, u, w, codes, left[i], right[i], levels, i, c)
