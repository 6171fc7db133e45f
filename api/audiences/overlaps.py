"""Whom audiences share. In: the counts that the privacy gate told. Out: shares, of the rounded numbers."""

from __future__ import annotations

from api.http.schemas.insights import Overlap, Overlaps
from graph.privacy import PairCount

__all__ = ["as_overlaps"]


def as_overlaps(told: tuple[PairCount, ...]) -> Overlaps:
    """Shares of what the gate told."""
    return Overlaps(
        items=[
            Overlap(
                a=pair.a,
                b=pair.b,
                people=pair.people,
                share_of_a=_share(pair.people, pair.people_of_a),
                share_of_b=_share(pair.people, pair.people_of_b),
            )
            for pair in told
        ]
    )


def _share(people: int | None, of: int | None) -> float | None:
    return None if people is None or of is None else round(people / of, 4)
