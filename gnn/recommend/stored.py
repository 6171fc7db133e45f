"""A recommender as files beside a model version, written at training and read when serving, memory-mapped and without torch.

recommender.json                         model, view of time, lake batch, number of known contents, notes, metrics
recommender-contents.parquet             content_id, popular
recommender-{known,new}-{first,second}.npy   the thin or square matrices of `Factors`, where there are any
recommender-persons.parquet, recommender-past.npy   what persons have seen (`past.Past`)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from gnn.features.population import Population
from gnn.recommend.fitted import Factors, Recommender
from gnn.recommend.items import own_order
from gnn.recommend.options import TimeView
from gnn.recommend.past import SEEN, Past, Rows, joined, past_of, to_history
from graph.errors import ModelError

__all__ = ["MANIFEST", "Offer", "StoredRecommender", "open_recommender", "recommender_files"]

Write = Callable[[Path], None]
MANIFEST = "recommender.json"
_CONTENTS, _PERSONS, _PAST = "recommender-contents.parquet", "recommender-persons.parquet", "recommender-past.npy"
_FORMAT = 1


@dataclass(frozen=True)
class Offer:
    """A content for a person. The score orders one person's offers and says nothing beside another's."""

    content_id: str
    score: float


@dataclass(frozen=True)
class StoredRecommender:
    """A recommender and everybody's past up to a lake batch."""

    recommender: Recommender
    past: Past
    batch: int
    """Last batch of the lake that is in the past; later ones have to be looked up."""
    places: Mapping[str, int]
    """Place of each content id."""

    def offers(self, parts: Sequence[Rows], k: int, withheld: npt.NDArray[np.bool_] | None = None) -> list[Offer]:
        """The best `k` for a person whose rows (SEEN) are these; nothing of them, and nothing withheld (m,), is among them."""
        rows = joined(parts)
        contents = self.recommender.contents
        kept = rows["content"].astype(np.int64)
        if withheld is not None:
            kept = np.union1d(kept, np.flatnonzero(withheld))
        seen = sp.csr_matrix((np.ones(len(kept), np.float32), kept, np.array([0, len(kept)])), shape=(1, contents))
        chosen, value = self.recommender.best(to_history(rows, contents), seen, k)
        ids = self.recommender.content_ids
        return [Offer(ids[int(c)].as_py(), float(v)) for c, v in zip(chosen[0], value[0], strict=True) if np.isfinite(v)]


def recommender_files(fitted: Recommender, data: Population, batch: int) -> dict[str, Write]:
    """File name to what writes that file at the path it is given, for `registry.save(extras=…)`. `data` is what the recommender
    was fitted on, `batch` the lake's last when that was read. The same fit gives the same bytes."""
    contents = {"content_id": fitted.content_ids, "popular": fitted.popular}
    past = past_of(data, own_order(fitted, data))
    persons = {"person_id": past.person_ids.cast(pa.string()), "rows": np.diff(past.pointers)}
    matrices = {
        f"recommender-{part}-{which}.npy": matrix
        for part, factors in (("known", fitted.factors), ("new", fitted.new))
        if factors is not None
        for which, matrix in (("first", factors.first), ("second", factors.second))
        if matrix is not None
    }
    about = {
        "format": _FORMAT,
        "model": fitted.model,
        "view": asdict(fitted.view),
        "batch": batch,
        "known": fitted.known,
        "notes": list(fitted.notes),
        "metrics": fitted.metrics,
        "matrices": sorted(matrices),
    }
    text = json.dumps(about, indent=1, sort_keys=True)
    return {
        MANIFEST: partial(_text, text),
        _CONTENTS: lambda path: pq.write_table(pa.table(contents), path),
        _PERSONS: lambda path: pq.write_table(pa.table(persons), path),
        _PAST: partial(_save, past.rows),
        **{name: partial(_save, matrix) for name, matrix in matrices.items()},
    }


def open_recommender(path_of: Callable[[str], Path]) -> StoredRecommender:
    """Open what `recommender_files` wrote; `path_of` gives the path of a file by its name, checked (`Version.extra`).

    Raises ModelError for files that are damaged or of another format.
    """
    path = path_of(MANIFEST)
    try:
        about: dict[str, Any] = json.loads(path.read_text())
        if about["format"] != _FORMAT:
            raise ModelError(f"{path} has format {about['format']}, this version reads {_FORMAT}; run `tessera train`")
        contents = pq.read_table(path_of(_CONTENTS))
        persons = pq.read_table(path_of(_PERSONS))
        ids = contents.column("content_id").combine_chunks()
        matrices = {name: np.load(path_of(name), mmap_mode="r", allow_pickle=False) for name in about["matrices"]}
        recommender = Recommender(
            model=about["model"],
            content_ids=ids,
            known=int(about["known"]),
            factors=_factors(matrices, "known"),
            new=_factors(matrices, "new"),
            popular=contents.column("popular").to_numpy(),
            view=TimeView(**about["view"]),
            notes=tuple(about["notes"]),
            metrics=about["metrics"],
        )
        rows = np.load(path_of(_PAST), mmap_mode="r", allow_pickle=False)
        pointers = np.concatenate([[0], np.cumsum(persons.column("rows").to_numpy())]).astype(np.int64)
        if rows.dtype != SEEN or pointers[-1] != len(rows):
            raise ValueError(f"{_PAST} does not fit {_PERSONS}")
        past = Past(persons.column("person_id").combine_chunks(), pointers, rows)
        return StoredRecommender(recommender, past, int(about["batch"]), {c: i for i, c in enumerate(ids.to_pylist())})
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the recommender beside {path} is damaged ({reason}); run `tessera train` to make it anew") from error


def _factors(matrices: Mapping[str, Any], part: str) -> Factors | None:
    first = matrices.get(f"recommender-{part}-first.npy")
    return None if first is None else Factors(first, matrices.get(f"recommender-{part}-second.npy"))


def _text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _save(matrix: npt.NDArray[Any], path: Path) -> None:
    np.save(path, np.ascontiguousarray(matrix))
