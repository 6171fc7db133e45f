"""E-mail addresses that are made of names: what they and the names tell is one thing, and counts once.

In: the records as they came. Out: per column a bit for each column of names that its addresses are made of. Two people of one
name have addresses that are alike, so likeness of the part before the @ adds to two equal names only what it tells beyond them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import pyarrow as pa

from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Integers

__all__ = ["made_of"]

_LEAST_SHARE = 0.25
"""Of the records with both, in which the name stands in the address, from which addresses are made of names."""
_LEAST_LETTERS = 3
_SAMPLE = 50_000


def made_of(records: pa.Table, specs: Sequence[ColumnSpec]) -> Integers:
    """The bits, zero for columns that are no addresses. A sample that follows from the addresses themselves is looked at."""
    found = np.zeros(len(specs), np.int64)
    names = [c for c, spec in enumerate(specs) if spec.kind == "name"]
    for e, spec in enumerate(specs):
        if spec.kind != "email":
            continue
        every = max(records.num_rows // _SAMPLE, 1)
        addresses = records[spec.name].to_pylist()
        chosen = [i for i, a in enumerate(addresses) if a is not None and crc32(str(a).encode()) % every == 0]
        local = [re.sub(r"[^a-z]", "", str(addresses[i]).lower().partition("@")[0]) for i in chosen]
        for c in names:
            values = records[specs[c].name].take(pa.array(chosen, pa.int64())).to_pylist()
            letters = [re.sub(r"[^a-z]", "", str(v).lower()) if v is not None else "" for v in values]
            both = [(name, part) for name, part in zip(letters, local, strict=True) if len(name) >= _LEAST_LETTERS]
            if both and sum(name in part for name, part in both) >= _LEAST_SHARE * len(both):
                found[e] |= 1 << c
    return found
