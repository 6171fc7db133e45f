"""How stable person ids are from one run to the next. In: (kind, id, person_id) tables of both runs, and the alias table of the
identity log. Out: shares of the earlier run's records, and counts of its person ids.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import InputError
from graph.evaluation import record_keys

__all__ = ["evaluate_churn"]


def evaluate_churn(before: pa.Table, after: pa.Table, aliases: Mapping[str, str] | None = None) -> dict[str, float]:
    """Metrics by name; `aliases` maps a retired person id to the one that stands for it. Raises InputError when a column or a
    value is missing, a record stands twice, or the earlier table is empty.

    old_records       records of the earlier run
    lost              how many of them the later run lacks
    changed           share of them that have another person id, or none, without following any alias
    unresolved        share of them whose earlier person id leads to nobody, by itself or by its alias
    retired_ids       earlier person ids that nobody bears any more
    unresolved_ids    how many of these have no alias that leads to a person
    """
    old, new = (
        record_keys(before, "the table of earlier identities", "person_id"),
        record_keys(after, "the table of identities", "person_id"),
    )
    if not len(old):
        raise InputError("the earlier identities are empty; nothing can be compared")
    earlier, later = (table["person_id"].combine_chunks().cast(pa.string()) for table in (before, after))
    place = pc.index_in(old, value_set=new)
    same = pc.fill_null(pc.equal(earlier, later.take(place)), False)
    living = pc.unique(later)
    ids = pc.unique(earlier)
    retired = ids.filter(pc.invert(pc.is_in(ids, value_set=living)))
    followed = pa.array([(aliases or {}).get(person) for person in retired.to_pylist()], pa.string())
    lead_nowhere = retired.filter(pc.invert(pc.is_in(followed, value_set=living)))
    unresolved = pc.is_in(earlier, value_set=lead_nowhere)
    return {
        "old_records": float(len(old)),
        "lost": float(place.null_count),
        "changed": 1 - float(np.mean(same.to_numpy(zero_copy_only=False))),
        "unresolved": float(np.mean(unresolved.to_numpy(zero_copy_only=False))),
        "retired_ids": float(len(retired)),
        "unresolved_ids": float(len(lead_nowhere)),
    }
