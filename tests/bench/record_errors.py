"""What typing, scanning and hearing do to text: many values at once, as arrays of bytes. In: ASCII values (dtype S) and the rows
to touch. Out: values of the same kind.

The kinds of error are those of FEBRL's generator (Christen 2008): insert, delete, substitute, transpose, with neighbours on the
keyboard more likely than other characters; look-alikes of optical character recognition; spellings of one sound.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Text", "abbreviate", "mistype", "respell", "truncate"]

Text = NDArray[np.bytes_]
Rows = NDArray[np.int64]

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LOOK_ALIKE = (
    "o0",
    "l1",
    "i1",
    "il",
    "s5",
    "b8",
    "b6",
    "g9",
    "z2",
    "ec",
    "mn",
    "uv",
    "hb",
    "rn",
    "ft",
    "08",
    "17",
    "38",
    "56",
    "49",
)
_ONE_SOUND = (
    ("ph", "f"),
    ("ck", "k"),
    ("ie", "y"),
    ("ee", "ea"),
    ("th", "t"),
    ("ai", "ay"),
    ("ll", "l"),
    ("nn", "n"),
    ("tt", "t"),
    ("oo", "u"),
    ("gh", "g"),
    ("sh", "sch"),
    ("f", "ph"),
    ("c", "k"),
    ("k", "c"),
    ("s", "z"),
    ("y", "i"),
    ("e", "a"),
    ("i", "ie"),
    ("l", "ll"),
    ("n", "nn"),
)
_SHORT = (
    (" Street", " St"),
    (" Road", " Rd"),
    (" Avenue", " Ave"),
    (" Lane", " Ln"),
    (" Drive", " Dr"),
    (" Close", " Cl"),
    (" Court", " Ct"),
    (" Place", " Pl"),
    (" Crescent", " Cres"),
)


def mistype(text: Text, rows: Rows, rng: np.random.Generator) -> Text:
    """One error in each of these rows: substitute, insert, delete or transpose, some by look-alike. A row given twice has two."""
    if not len(rows):
        return text
    if len(np.unique(rows)) < len(rows):
        _, first = np.unique(rows, return_index=True)
        again = np.delete(rows, first)
        return mistype(mistype(text, rows[first], rng), again, rng)
    result = text.astype(f"S{text.dtype.itemsize + 1}")
    part = result[rows]
    letters = part.view(np.uint8).reshape(len(rows), -1)
    length = np.strings.str_len(part)
    usable = length > 1
    rows, letters, length = rows[usable], letters[usable], length[usable]
    number = np.arange(len(rows))
    kind = rng.choice(5, len(rows), p=(0.3, 0.2, 0.2, 0.15, 0.15))  # substitute, insert, delete, transpose, look-alike
    place = np.minimum((rng.random(len(rows)) * length).astype(np.int64), length - 1)
    place = np.where(kind == 3, np.minimum(place, length - 2), place)
    column = np.broadcast_to(np.arange(letters.shape[1]), letters.shape)
    at = place[:, None]
    source = column + ((kind == 2)[:, None] & (column >= at)) - ((kind == 1)[:, None] & (column > at))
    swap = (kind == 3)[:, None]
    source = np.where(swap & (column == at), at + 1, np.where(swap & (column == at + 1), at, source))
    there = letters[number, place]
    padded = np.concatenate([letters, np.zeros((len(rows), 1), np.uint8)], axis=1)
    edited = np.take_along_axis(padded, source, axis=1)
    near, alike = _neighbours()
    typed = near[there, rng.integers(near.shape[1], size=len(rows))]
    seen = alike[there]
    fresh = np.where((kind == 4) & (seen > 0), seen, typed)
    change = (kind <= 1) | (kind == 4)
    edited[number[change], place[change]] = fresh[change]
    result[rows] = np.ascontiguousarray(edited).view(f"S{letters.shape[1]}").ravel()
    return result


def respell(text: Text, rows: Rows, rng: np.random.Generator) -> Text:
    """One sound spelled another way, where the drawn rule applies."""
    return _replace(text, rows, _ONE_SOUND, rng.integers(len(_ONE_SOUND), size=len(rows)))


def abbreviate(text: Text, rows: Rows) -> Text:
    """The common short forms of street types."""
    for rule in range(len(_SHORT)):
        text = _replace(text, rows, _SHORT, np.full(len(rows), rule))
    return text


def truncate(text: Text, rows: Rows, length: int) -> Text:
    """The first `length` characters."""
    result = text.copy()
    result[rows] = text[rows].astype(f"S{length}")
    return result


def _replace(text: Text, rows: Rows, rules: tuple[tuple[str, str], ...], rule: NDArray[np.int64]) -> Text:
    result = text.astype(f"S{text.dtype.itemsize + 2}")
    for number, (old, new) in enumerate(rules):
        mine = rows[rule == number]
        if len(mine):
            values = pa.array(text[mine]).cast(pa.string())
            changed = pc.replace_substring(values, old, new, max_replacements=1)
            result[mine] = changed.cast(pa.binary()).to_numpy(zero_copy_only=False).astype(result.dtype)
    return result


def _neighbours() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """For each byte eight characters that a finger may hit instead, and its look-alike (0 for none)."""
    rng = np.random.default_rng(0)
    near = np.zeros((256, 8), np.uint8)
    alike = np.zeros(256, np.uint8)
    for code in range(256):
        character = chr(code).lower()
        others = "0123456789" if character.isdigit() else "abcdefghijklmnopqrstuvwxyz"
        close = [o for row in _KEYBOARD for o in row if character in row and 0 < abs(row.index(o) - row.index(character)) <= 1]
        picks = [close[i % len(close)] if close and i < 5 else others[rng.integers(len(others))] for i in range(8)]
        near[code] = [ord(p) for p in picks]
    for pair in _LOOK_ALIKE:
        one, other = pair[0], pair[1]
        for left, right in ((one, other), (other, one), (one.upper(), other)):
            if not alike[ord(left)]:
                alike[ord(left)] = ord(right)
    return near, alike
