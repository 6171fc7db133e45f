"""What people's data is used for, in the numbering of the IAB Transparency and Consent Framework (TCF 2.2, Global Vendor List).

Each use that the product makes of people's data needs exactly one purpose. The mapping is closed: a use that is not here
cannot be asked for.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from graph.errors import SettingsError

__all__ = ["LegalBasis", "Purpose", "Use", "legal_basis", "purpose_of"]


class Purpose(IntEnum):
    """TCF purposes, by their number."""

    STORE_AND_ACCESS = 1
    LIMITED_DATA_ADVERTISING = 2
    ADVERTISING_PROFILE = 3
    PERSONALISED_ADVERTISING = 4
    CONTENT_PROFILE = 5
    PERSONALISED_CONTENT = 6
    MEASURE_ADVERTISING = 7
    MEASURE_CONTENT = 8
    AUDIENCE_STATISTICS = 9
    IMPROVE_SERVICES = 10
    LIMITED_DATA_CONTENT = 11


class Use(StrEnum):
    """What the product does with people's data."""

    IDENTITY = "identity"  # say which devices and accounts are one person
    TRAINING = "training"  # learn profiles
    TAGS = "tags"  # serve a person's interests
    AUDIENCE = "audience"  # put people on a list that leaves
    RECOMMENDATION = "recommendation"  # choose contents for a person
    STATISTICS = "statistics"  # counts and subgraphs
    CONTENT_STATISTICS = "content_statistics"  # which contents were read


_PURPOSES: dict[Use, Purpose] = {
    Use.IDENTITY: Purpose.STORE_AND_ACCESS,
    Use.TRAINING: Purpose.ADVERTISING_PROFILE,
    Use.TAGS: Purpose.PERSONALISED_ADVERTISING,
    Use.AUDIENCE: Purpose.PERSONALISED_ADVERTISING,
    Use.RECOMMENDATION: Purpose.PERSONALISED_CONTENT,
    Use.STATISTICS: Purpose.AUDIENCE_STATISTICS,
    Use.CONTENT_STATISTICS: Purpose.MEASURE_CONTENT,
}


def purpose_of(use: Use) -> Purpose:
    """The purpose that a use needs."""
    return _PURPOSES[use]


class LegalBasis(StrEnum):
    """GDPR article 6(1) (b) to (f): bases on which people without any consent record may be processed. A refusal beats each."""

    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_INTEREST = "public_interest"
    LEGITIMATE_INTEREST = "legitimate_interest"


def legal_basis(text: str | None) -> LegalBasis | None:
    """The basis that a setting names; None for nothing or `consent`. Raises SettingsError for another word."""
    if not text or text == "consent":
        return None
    try:
        return LegalBasis(text)
    except ValueError:
        allowed = ", ".join(["consent", *LegalBasis])
        raise SettingsError(f"TESSERA_LEGAL_BASIS {text!r} is no legal basis; use one of {allowed}") from None
