"""The surroundings of a few persons: their rows and what a training froze in, a `ChannelReader` over them out.

The world holds those that the persons asked for are related to, whom these are related to in turn, and after them the persons
asked for, with rows in the axes of the training: contents m, tags k. What everybody decided (idf, V, evidence of contents,
regressions) is the training's; the code that reads rows is the one that trained (`gnn.features.surroundings`,
`gnn.features.channels`). Related persons are seen as the training knew them, so that what is said of somebody does not depend on
who else is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from gnn.features.channels import ChannelOptions, ChannelReader, References, Surroundings
from gnn.features.matrices import normalised
from gnn.features.population import Population, Tagging
from gnn.features.surroundings import Fixed
from gnn.features.views import View
from gnn.online.files import Frozen, FrozenView

__all__ = ["Asked", "World", "references_of", "world_of"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """b persons as they are now."""

    places: Indices
    """(b,): where the training had them, −1 for whom it did not know."""
    engagement: sp.csr_matrix
    """(b, m): log1p of summed weights."""
    related: sp.csr_matrix
    """(b, n): 1 for each person of the training that they are related to."""
    hidden: Indices
    """(b,): the fold that must be hidden from each, −1 for none."""
    fold: Indices
    """(b,): whose members of the ensemble alone may answer, −1 for all."""

    def take(self, rows: Indices) -> Asked:
        """Some of them."""
        return Asked(self.places[rows], self.engagement[rows], self.related[rows], self.hidden[rows], self.fold[rows])


@dataclass(frozen=True)
class World:
    """`persons` (b,): where those asked for stand among the persons of `around`; `trained` (w,): where each person of the world
    stood at the training, −1 for the others."""

    reader: ChannelReader
    around: Surroundings
    persons: Indices
    trained: Indices


def references_of(frozen: Frozen, labels: sp.csr_matrix) -> References:
    """The references of the neighbours channels, in the places of the training. `labels` (n, k)."""
    rows = frozen.known.engagement[frozen.reference_places]
    similarity = normalised(sp.csr_matrix(rows @ sp.diags(frozen.fixed.idf)), "l2")
    told = labels[frozen.reference_places]
    return References(
        places=frozen.reference_places,
        fold=frozen.known.fold[frozen.reference_places],
        compared=similarity.T.tocsr(),
        labels=told,
        count=np.log1p(np.asarray(told.sum(axis=1), np.float32).ravel()),
    )


def world_of(frozen: Frozen, labels: sp.csr_matrix, references: References, asked: Asked) -> World:
    """`labels` (n, k) are those of the training, `references` those of `references_of`."""
    known, b = frozen.known, len(asked.places)
    near = np.unique(asked.related.indices).astype(np.int64)
    trained = np.union1d(near, known.relations[near].indices).astype(np.int64)
    persons = len(trained) + np.arange(b)
    size = len(trained) + b
    rows = np.concatenate([persons, np.searchsorted(trained, near)])  # whoever has a row of their own
    engagement = _placed([asked.engagement, known.engagement[near]], rows, size, None)
    relations = _placed([asked.related, known.relations[near]], rows, size, trained)
    where = np.concatenate([trained, asked.places])
    fixed = _fixed(frozen.fixed, where, relations, persons)
    around = Surroundings(_population(engagement, relations, labels.shape[1]), dimensions=frozen.dimensions, seed=0, fixed=fixed)
    told = sp.csr_matrix(sp.vstack([labels[trained], sp.csr_matrix((b, labels.shape[1]), dtype=np.float32)]))
    fold = np.concatenate([known.fold[trained], np.full(b, -1, np.int64)])
    view_of = np.full(size, -1, np.int64)
    view_of[persons] = asked.hidden
    views = {f: _view(frozen.views[f], around, told, fold, f) for f in np.unique(np.append(asked.hidden, -1)).tolist()}
    own = replace(references, places=_own(references.places, asked.places, persons))
    options = ChannelOptions(without=frozen.without)
    reader = ChannelReader(around, view_of, views, own, frozen.names, frozen.scale, options)
    return World(reader, around, persons, where)


def _placed(parts: list[sp.csr_matrix], rows: Indices, size: int, columns: Indices | None) -> sp.csr_matrix:
    """(size, ·): the rows of the parts, one under the other, at `rows`. With `columns`, sorted, those columns alone are kept, and
    there is one for each row of the result."""
    entries = sp.vstack(parts, format="coo")
    column, kept, width = entries.col, np.arange(entries.nnz), entries.shape[1]
    if columns is not None:
        place = np.searchsorted(columns, entries.col)
        place[place == len(columns)] = 0
        kept = np.flatnonzero(columns[place] == entries.col) if len(columns) else kept[:0]
        column, width = place, size
    values = entries.data[kept].astype(np.float32)
    return sp.csr_matrix((values, (rows[entries.row[kept]], column[kept])), shape=(size, width))


def _population(engagement: sp.csr_matrix, relations: sp.csr_matrix, tags: int) -> Population:
    """Only what surroundings read is there."""
    nobody = np.zeros(0, np.int64)
    return Population(
        person_ids=pa.nulls(engagement.shape[0], pa.string()),
        content_ids=[],
        engagement=engagement,
        relations=relations,
        tags=[""] * tags,
        skipped=[],
        labels=np.zeros((0, tags), np.float32),
        labelled=np.zeros(0, np.bool_),
        tagged=Tagging(nobody, nobody, nobody, np.zeros(0, np.float32)),
        texts=[],
        categories=[],
        content_category=sp.csr_matrix((engagement.shape[1], 0), dtype=np.float32),
        as_of=None,
    )


def _fixed(fixed: Fixed, where: Indices, relations: sp.csr_matrix, persons: Indices) -> Fixed:
    """Axes and degrees of the world's persons, those of the persons asked for by their rows."""
    axes = np.zeros((len(where), fixed.relation_axes.shape[1]), np.float32)
    axes[where >= 0] = fixed.relation_axes[where[where >= 0]]
    degrees = np.zeros(len(where), np.float32)
    degrees[where >= 0] = fixed.degrees[where[where >= 0]]
    degrees[persons] = np.diff(relations.indptr)[persons]
    return replace(fixed, relation_axes=axes, degrees=degrees)


def _view(frozen: FrozenView, around: Surroundings, labels: sp.csr_matrix, fold: Indices, hidden: int) -> View:
    known = ((fold >= 0) & (fold != hidden)).astype(np.float32)
    seen = sp.csr_matrix(sp.diags(known) @ labels)
    return View(
        prior=frozen.prior,
        known=known,
        labels=seen,
        tagging=frozen.tagging,
        audience=frozen.audience,
        friend_labels=sp.csr_matrix(around.related @ seen),
        friend_known=around.related @ known,
        ridge=frozen.ridge,
        structure=frozen.structure,
        count=np.log1p(np.asarray(labels.sum(axis=1), np.float32).ravel()) * known,
        usual_count=frozen.usual_count,
    )


def _own(places: Indices, asked: Indices, persons: Indices) -> Indices:
    """(r,): where each reference stands among the persons asked for, −1 for those who are not."""
    found = np.full(len(places), -1, np.int64)
    if len(places):
        at = np.minimum(np.searchsorted(places, asked), len(places) - 1)
        there = places[at] == asked
        found[at[there]] = persons[there]
    return found
