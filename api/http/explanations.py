"""Explanations in the API's form: who does not permit the look-up is named by nothing but a kind.

In: an explanation about people who permit it, which may touch on others. Out: the body of an answer. Texts that could name others
say what they are instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from api.http.schemas.base import Kind
from api.http.schemas.identities import ExplanationView, LinkView, PartView, PieceView, SubjectView
from api.http.view import View
from graph.privacy import Use, purpose_of
from graph.resolve.explanation import Explanation, Link, Piece, Subject

__all__ = ["explanation_view", "permits"]


def permits(view: View, kind: str, id_: str) -> bool:
    """Whether a device or account is there and belongs to somebody who permits its look-up."""
    person_id = view.identities.person_of(kind, id_)
    return person_id is not None and bool(view.gate.consents.permits(person_id, purpose_of(Use.IDENTITY)))


def explanation_view(view: View, found: Explanation) -> ExplanationView:
    """The body of an answer."""
    return ExplanationView(
        same=found.same,
        summary=found.summary.partition(": ")[0],
        links=_links(view, found.links),
        blocks=[_without_others(block) for block in found.blocks],
        score=found.score,
        probability=found.probability,
        beside=_links(view, found.beside),
    )


def _links(view: View, links: Sequence[Link]) -> list[LinkView]:
    return [
        LinkView(
            left=_subject(view, link.left),
            right=_subject(view, link.right),
            score=link.score,
            probability=link.probability,
            pieces=[_piece(piece) for piece in link.pieces],
        )
        for link in links
    ]


def _subject(view: View, subject: Subject) -> SubjectView:
    kind: Kind = "device" if subject.kind == "device" else "account"
    return SubjectView(kind=kind, id=subject.id if permits(view, subject.kind, subject.id) else None)


def _piece(piece: Piece) -> PieceView:
    parts = [PartView.model_validate(part, from_attributes=True) for part in piece.parts]
    return PieceView.model_validate({**piece.__dict__, "parts": parts})


def _without_others(block: str) -> str:
    """A device on which both signed in belongs to neither of the two who permit this, so that it is not named."""
    return "both signed in on a shared device" if block.startswith("both signed in on ") else block
