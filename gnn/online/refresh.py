"""Bring the rows of some persons up to date: who was touched in, new rows beside the version out (`gnn.registry.refreshed`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from gnn.online.scorer import Scorer
from gnn.online.touched import Person, as_they_are
from gnn.registry.refreshed import append

__all__ = ["Done", "refresh"]


@dataclass(frozen=True)
class Done:
    """`number` of the file; `scored`: person ids with new rows; `withheld`: whose rows are told no more; `kept`: made of persons
    of different folds, who keep what they had."""

    number: int
    scored: tuple[str, ...]
    withheld: tuple[str, ...]
    kept: tuple[str, ...]


def refresh(
    scorer: Scorer,
    connection: duckdb.DuckDBPyConnection,
    persons: Sequence[Person],
    withheld: Sequence[str],
    *,
    key: bytes,
    replaced: bool,
    batch: int,
    consents: int,
) -> Done:
    """Score `persons`, who may all be profiled, as the lake behind `connection` has them, and write their rows; `withheld` have
    none from now on. `batch` and `consents` say how far lake and consent log were looked at. The caller is the only writer.
    `key` and `replaced` as in `as_they_are`. Raises ModelError, HomeNotWritable."""
    touched = as_they_are(scorer, connection, persons, key=key, replaced=replaced)
    probabilities, embeddings = scorer.score(touched.asked)
    scored = [person.person_id for person in touched.persons]
    number = append(scorer.version.folder, scored, probabilities, embeddings, withheld, batch=batch, consents=consents)
    return Done(number, tuple(scored), tuple(withheld), tuple(person.person_id for person in touched.mixed))
