"""Probabilities and embeddings of a few persons as they are now: rows of engagement in, what the current version says out.

p = calibration(mean logits of the ensemble on label channels, scalars and position of each), as `gnn.training.fit` has it: a
labelled person is answered for by the members that their fold did not teach; who has neither engagement nor relations has each
tag's base rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.features.channels import References
from gnn.features.matrices import normalised
from gnn.models.device import few_threads
from gnn.models.members import Rows
from gnn.online.embedding import moved
from gnn.online.files import MANIFEST, MEMBER, Frozen, member_hash, open_frozen
from gnn.online.world import Asked, World, references_of, world_of
from gnn.registry import Version
from gnn.training.ensemble import Ensemble
from graph.errors import ModelError

__all__ = ["Scorer", "Seen", "can_score"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_BATCH = 512


@dataclass(frozen=True)
class Seen:
    """What the ensemble reads of b persons."""

    channels: Floats
    """(b, k, C), standardised."""
    scalars: Floats
    """(b, S), standardised."""
    position: Floats
    """(b, d); (b, 0) where the ensemble reads none."""
    nothing: npt.NDArray[np.bool_]
    """(b,): who has neither engagement nor relations."""


def can_score(version: Version) -> bool:
    """Whether a scorer was saved with the version."""
    return MANIFEST in version.extras


@dataclass(frozen=True)
class Scorer:
    """One version's, opened. Safe to share between threads."""

    version: Version
    frozen: Frozen
    ensemble: Ensemble

    @classmethod
    def open(cls, version: Version) -> Scorer:
        """Raises ModelError for a version without a scorer, or with a damaged one."""
        if not can_score(version):
            raise ModelError(
                f"model version {version.name} has no scorer for single persons (see `tessera model show`); run `tessera train`"
            )
        frozen = open_frozen(version.extra)
        try:
            ensemble = Ensemble.read(version.folder, version.details)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                f"the members of model version {version.name} cannot be read ({error}); run `tessera train`"
            ) from error
        return cls(version, frozen, ensemble)

    @property
    def prior(self) -> Floats:
        """(k,): base rates of the tags."""
        prior: Floats = self.frozen.views[-1].prior
        return prior

    @cached_property
    def labels(self) -> sp.csr_matrix:
        """(n, k): those of the training."""
        return self.version.label_matrix()

    @cached_property
    def references(self) -> References:
        """Those of the neighbours channels."""
        return references_of(self.frozen, self.labels)

    @cached_property
    def content_places(self) -> dict[str, int]:
        """Place of each content."""
        return {c: i for i, c in enumerate(self.frozen.content_ids.to_pylist())}

    def trained(self, members: Iterable[tuple[str, str]]) -> Indices:
        """Of each device or account, (kind, id): the row of the person that it belonged to at the training; −1 for none."""
        wanted, known = member_hash(members), self.frozen.known.members
        if not len(known):
            return np.full(len(wanted), -1, np.int64)
        at = np.minimum(np.searchsorted(known["hash"], wanted), len(known) - 1)
        return np.where(known["hash"][at] == wanted, known["person"][at], -1).astype(np.int64)

    @cached_property
    def member_counts(self) -> Indices:
        """(n,): how many devices and accounts each person of the training had."""
        assert self.frozen.known.members.dtype == MEMBER  # noqa: S101
        return np.bincount(self.frozen.known.members["person"], minlength=len(self.version.person_ids)).astype(np.int64)

    def as_trained(self, places: Indices) -> Asked:
        """Persons of the training (b,) with what it knew of them."""
        known = self.frozen.known
        return Asked(places, known.engagement[places], known.relations[places], known.view_of[places], known.answering[places])

    def world(self, asked: Asked) -> World:
        """The surroundings of these persons."""
        return world_of(self.frozen, self.labels, self.references, asked)

    def see(self, world: World) -> Seen:
        """What the ensemble reads of the persons asked for."""
        facts, around, persons = self.frozen.facts, world.around, world.persons
        mean, deviation = (np.asarray(facts[f"scalar_{x}"], np.float64) for x in ("mean", "deviation"))
        scalars = np.clip((world.reader.scalars(persons) - mean) / deviation, -4, 4).astype(np.float32)
        return Seen(
            channels=world.reader.rows(persons),
            scalars=scalars,
            position=(around.positions[persons] * np.float32(facts["position_scale"])).astype(np.float32),
            nothing=(around.activity[persons] == 0) & (around.friends[persons] == 0),
        )

    def logits(self, seen: Seen, fold: Indices) -> Floats:
        """(b, k), before calibration; `fold` (b,) says whose members answer, −1 for all."""
        out = np.zeros(seen.channels.shape[:2], np.float32)
        for f in np.unique(fold).tolist():
            rows = np.flatnonzero(fold == f)
            channels, scalars, position = (torch.from_numpy(x[rows]) for x in (seen.channels, seen.scalars, seen.position))
            out[rows] = self._answering(f).logits(Rows(channels, scalars, {"position": position}, torch.zeros(len(rows), 0)))
        return out

    def score(self, asked: Asked) -> tuple[Floats, Floats]:
        """Probabilities (b, k) and embeddings (b, d)."""
        tags, vectors = [np.zeros((0, self.labels.shape[1]), np.float32)], [self.version.embeddings[:0]]
        with few_threads(_BATCH):
            for start in range(0, len(asked.places), _BATCH):
                part = asked.take(np.arange(start, min(start + _BATCH, len(asked.places))))
                world = self.world(part)
                seen = self.see(world)
                found = self.ensemble.calibration.apply(self.logits(seen, part.fold))
                found[seen.nothing] = self.prior
                tags.append(found)
                vectors.append(self._embedded(part, world))
        return np.vstack(tags), np.vstack(vectors)

    def _embedded(self, asked: Asked, world: World) -> Floats:
        known = asked.places >= 0
        before = np.zeros((len(known), self.version.embeddings.shape[1]), np.float32)
        before[known] = self.version.embeddings[asked.places[known]]
        now = world.around.positions[world.persons]
        then = np.zeros_like(now)
        if known.any():
            weighted = sp.csr_matrix(self.frozen.known.engagement[asked.places[known]] @ sp.diags(self.frozen.fixed.idf))
            then[known] = normalised(weighted, "l2") @ self.frozen.fixed.axes
        found = moved(before, then, now, self.frozen.further["online-states.npy"])
        linked = np.diff(asked.engagement.indptr) + np.diff(asked.related.indptr) > 0
        return np.asarray(found * linked[:, None], np.float32)

    def _answering(self, fold: int) -> Ensemble:
        if fold < 0:
            return self.ensemble
        folds = self.frozen.facts["member_folds"]
        own = tuple(m for m, f in zip(self.ensemble.members, folds, strict=True) if f == fold)
        return replace(self.ensemble, members=own)
