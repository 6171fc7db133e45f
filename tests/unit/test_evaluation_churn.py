"""How stable person ids are, against following each record by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from graph.evaluation_churn import evaluate_churn

IDS = st.sampled_from(["p", "q", "r", "s"])
RUN = st.dictionaries(st.sampled_from("abcdefg"), IDS, max_size=7)


def identities(run: dict[str, str]) -> pa.Table:
    """A table of accounts."""
    ids = pa.array(list(run), pa.string())
    return pa.table({"kind": pa.array(["account"] * len(run), pa.string()), "id": ids, "person_id": list(run.values()) or ids})


@given(RUN.filter(bool), RUN, st.dictionaries(IDS, IDS))
def test_shares_are_those_of_following_each_record(
    before: dict[str, str], after: dict[str, str], aliases: dict[str, str]
) -> None:
    living = set(after.values())
    retired = set(before.values()) - living
    nowhere = {p for p in retired if aliases.get(p) not in living}
    assert evaluate_churn(identities(before), identities(after), aliases) == pytest.approx(
        {
            "old_records": len(before),
            "lost": sum(i not in after for i in before),
            "changed": sum(after.get(i) != p for i, p in before.items()) / len(before),
            "unresolved": sum(p in nowhere for p in before.values()) / len(before),
            "retired_ids": len(retired),
            "unresolved_ids": len(nowhere),
        }
    )


def test_without_aliases_every_retired_id_leads_nowhere() -> None:
    found = evaluate_churn(identities({"a": "p", "b": "q"}), identities({"a": "p", "b": "p"}))
    assert (found["changed"], found["retired_ids"], found["unresolved_ids"]) == (0.5, 1, 1)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (identities({}), "the earlier identities are empty"),
        (pa.table({"kind": ["account"], "id": ["a"]}), "the table of earlier identities lacks the column person_id"),
        (pa.table({"kind": ["account"] * 2, "id": ["a", "a"], "person_id": ["p", "q"]}), "a record stands twice"),
    ],
)
def test_unusable_tables_are_refused(before: pa.Table, said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluate_churn(before, identities({"a": "p"}))
