"""Quality against a truth file: of identities, and of tags beside what popularity alone would give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.workspace import Workspace
from gnn import registry
from gnn.evaluate import tag_metrics
from graph import resolve
from graph.errors import InputError
from graph.evaluation import evaluate_partition, interval
from graph.evaluation_churn import evaluate_churn
from graph.evaluation_probability import evaluate_probabilities, pair_probabilities
from graph.files import read_table

__all__ = ["identity", "tags"]


def identity(workspace: Workspace, truth: Path, before: Path | None = None) -> dict[str, Any]:
    """Metrics of the resolution against rows of kind, id, person: of the partition, with a 95 % interval of F1, and of the pairs'
    probabilities; with `before`, an earlier `export identities` of the same home, also how many ids changed since. None where
    there is nothing to measure. Raises InputError, NothingResolved.
    """
    true = read_table(truth)
    earlier = None if before is None else read_table(before)
    resolution = resolve.load(workspace.home)
    found: dict[str, Any] = dict(evaluate_partition(resolution.members, true))
    found["pair_f1_low"], found["pair_f1_high"] = interval(resolution.members, true)
    found |= evaluate_probabilities(pair_probabilities(resolution.evidence), true)
    if earlier is not None:
        with resolve.IdentityLog(workspace.home.identity, create=False) as log:
            aliases = log.aliases()
        found |= evaluate_churn(earlier, resolution.members, aliases)
    return found


def tags(workspace: Workspace, truth: Path) -> list[dict[str, Any]]:
    """Metrics of the current model, and of each tag's share among the labelled people, against rows of subject_kind,
    subject_id, tag and value; one row each, with a 95 % interval of the mean average precision over tags.

    Raises InputError, NothingResolved.
    """
    labels = read_table(truth)
    missing = [c for c in ("subject_kind", "subject_id", "tag") if c not in labels.column_names]
    if missing:
        raise InputError(f"{truth}: no column {missing[0]}; it needs subject_kind, subject_id, tag and value")
    version = registry.current(workspace.home.models)
    members = resolve.load(workspace.home).members
    known = pc.binary_join_element_wise(members["kind"], members["id"], ":").combine_chunks()
    keys = pc.binary_join_element_wise(labels["subject_kind"].cast(pa.string()), labels["subject_id"].cast(pa.string()), ":")
    persons = members["person_id"].combine_chunks().take(pc.index_in(keys.combine_chunks(), value_set=known))
    row = pc.index_in(persons, value_set=version.person_ids)
    column = pc.index_in(labels["tag"].combine_chunks().cast(pa.string()), value_set=pa.array(version.tag_ids, pa.string()))
    positive = (
        pc.greater(labels["value"].combine_chunks().cast(pa.float64()), 0)
        if "value" in labels.column_names
        else pa.array([True] * labels.num_rows)
    )
    usable = pc.and_(pc.and_(pc.is_valid(row), pc.is_valid(column)), pc.fill_null(positive, False))
    rows, columns = (x.filter(usable).to_numpy(zero_copy_only=False) for x in (row, column))
    if not len(rows):
        raise InputError(f"{truth}: none of its labels is of a person and a tag that the model knows")
    people = np.unique(rows)
    answers = np.zeros((len(people), len(version.tag_ids)))
    answers[np.searchsorted(people, rows), columns] = 1
    model = np.asarray(version.probabilities[people], np.float64)
    popularity = np.tile(_popularity(workspace, version.tag_ids), (len(people), 1))
    return [
        {"scores": name, **tag_metrics(answers, scores).__dict__}
        for name, scores in (("model", model), ("popularity", popularity))
    ]


def _popularity(workspace: Workspace, tag_ids: list[str]) -> NDArray[np.float64]:
    """Each tag's share among the labelled subjects of the lake."""
    with workspace.connection() as connection:
        rows = connection.execute(
            "SELECT tag, count(DISTINCT (subject_kind, subject_id)) FROM labels WHERE value > 0 OR value IS NULL GROUP BY tag"
        ).fetchall()
        [(subjects,)] = connection.execute("SELECT count(DISTINCT (subject_kind, subject_id)) FROM labels").fetchall()
    shares = {tag: count / subjects for tag, count in rows}
    return np.array([shares.get(tag, 0.0) for tag in tag_ids])
