"""What the weights of evidence are made of, found again from the lake and the fitted parameters.

In: links of a resolution, a connection with the lake's views, the home's fitted parameters. Out: the links with their pieces
opened: records into the comparison of each column, behaviour into its groups of features, and what age took from each. A piece is
opened only where its parts add up to its weight: where a record has changed since the run, it says so instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import duckdb

from graph.errors import ModelError
from graph.home import Home
from graph.resolution import Resolution
from graph.resolve.decay import find_as_of, remaining
from graph.resolve.explain_behaviour import behaviour_parts
from graph.resolve.explain_records import record_parts
from graph.resolve.explanation import PRIOR, Link, Part, Piece
from graph.resolve.fitted import Fitted, load_fitted
from graph.resolve.incremental.index import is_filled, standing_as_of
from graph.resolve.log import IdentityLog
from graph.resolve.settings import ResolveSettings

__all__ = ["Grounds"]

RECORDS, BEHAVIOUR = ("records", "records_within"), "behaviour"
_CHANGED = "what it compared has changed since"
_NOT_FITTED = "the fitted parameters are not there, or cannot be read; `tessera resolve` fits them again"
_LEFT_OUT = "its parts are shown on the command line"
_TOLERANCE = 1e-6


@dataclass
class Grounds:
    """The ground of a resolution's evidence. `behaviour`: whether pieces of behaviour are opened, for which events are read."""

    connection: duckdb.DuckDBPyConnection
    home: Home
    key: bytes
    resolution: Resolution
    settings: ResolveSettings = field(default_factory=ResolveSettings)
    behaviour: bool = True

    def opened(self, links: Sequence[Link]) -> list[Link]:
        """The links, their pieces opened."""
        compared = self._parts(links)

        def pieces(link: Link) -> tuple[Piece, ...]:
            return tuple(self._opened(p, compared.get((link.left.id, link.right.id, p.method))) for p in link.pieces)

        return [replace(link, pieces=pieces(link)) for link in links]

    def remaining(self, method: str, last_seen: datetime | None) -> float:
        """The part of its weight that evidence of a rule has kept, by its age."""
        if self.settings.decay.half_life_days(method) is None or last_seen is None:
            return 1.0
        return remaining(self.settings.decay, method, last_seen, self._as_of)

    def namespaces(self, one: Iterable[str], other: Iterable[str]) -> list[str]:
        """The unique namespaces of which both sets of accounts have an id, by name."""
        names = sorted(set(self.settings.limits.unique_namespaces))
        sides = [sorted(set(one)), sorted(set(other))]
        if not names or not all(sides):
            return []
        query = """
            SELECT name FROM (SELECT unnest($names::VARCHAR[]) AS name) JOIN accounts ON name = source OR name = _source
            WHERE account_id IN (SELECT unnest($ids::VARCHAR[]))
        """
        found = [{name for (name,) in self.connection.execute(query, {"names": names, "ids": ids}).fetchall()} for ids in sides]
        return sorted(found[0] & found[1])

    @cached_property
    def _fitted(self) -> Fitted | None:
        with IdentityLog(self.home.identity, create=False) as log:
            name = log.parameters()
        try:
            return None if name is None else load_fitted(self.home.identity / "parameters", name)
        except ModelError:  # evidence can be told without them
            return None

    @cached_property
    def _as_of(self) -> datetime | None:
        with IdentityLog(self.home.identity, create=False) as log:
            if is_filled(log, log.state()[1]):
                return standing_as_of(log)
        return find_as_of(self.connection).at

    def _parts(self, links: Sequence[Link]) -> dict[tuple[str, str, str], tuple[Part, ...]]:
        """By ids and rule: the comparisons of every piece that has any, whether or not they add up."""
        asked = [(k.left.id, k.right.id, p.method) for k in links for p in k.pieces]
        if self._fitted is None:
            return {}
        found: dict[tuple[str, str, str], tuple[Part, ...]] = {}
        pairs = sorted({(left, right) for left, right, method in asked if method in RECORDS})
        if pairs and self._fitted.records.specs:
            parts = record_parts(self.connection, self._fitted.records, pairs)
            found |= {(*pair, method): parts[pair] for method in RECORDS for pair in parts}
        pairs = sorted({(left, right) for left, right, method in asked if method == BEHAVIOUR})
        if pairs and self.behaviour and self._fitted.devices is not None:
            parts = behaviour_parts(self.connection, self.key, self.resolution, self._fitted.devices, pairs)
            found |= {(*pair, BEHAVIOUR): parts[pair] for pair in parts}
        return found

    def _opened(self, piece: Piece, parts: tuple[Part, ...] | None) -> Piece:
        half_life, left = self.settings.decay.half_life_days(piece.method), self.remaining(piece.method, piece.last_seen)
        if half_life is not None and piece.last_seen is not None and left > 0:
            return replace(piece, weight_before=piece.weight / left, age_days=round(-half_life * math.log2(left)))
        if piece.method == BEHAVIOUR and not self.behaviour:
            return replace(piece, note=_LEFT_OUT)
        if piece.method not in (*RECORDS, BEHAVIOUR):
            return piece
        # A pair under even odds counts by what disagrees, without the odds that any two have beforehand (see `evidence`).
        for chosen in (parts or (), tuple(p for p in parts or () if p.name != PRIOR)):
            if chosen and abs(math.fsum(p.weight for p in chosen) - piece.weight) <= _TOLERANCE:
                return replace(piece, parts=chosen)
        return replace(piece, note=_CHANGED if self._fitted is not None else _NOT_FITTED)
