"""The privacy gate: what may leave, for whom, in which form."""

from graph.privacy.caller import OPERATOR, Caller
from graph.privacy.consent import Consents, ConsentState
from graph.privacy.gate import Gate
from graph.privacy.payloads import (
    Aggregate,
    AudienceRows,
    AudienceTraits,
    OperatorTable,
    PairCount,
    QueryRows,
    SeedFigures,
    Segment,
    Subgraph,
    SubgraphEdge,
    SubgraphLevel,
    SubgraphNode,
    Trait,
    UploadRows,
    VersionCounts,
)
from graph.privacy.platforms import PLATFORMS, Accounts, Platform
from graph.privacy.purposes import LegalBasis, Purpose, Use, legal_basis, purpose_of
from graph.privacy.query_rows import Column
from graph.privacy.released import DenialReason, Denied, ReleaseClass, Released
from graph.privacy.settings import GateSettings

__all__ = [
    "OPERATOR",
    "PLATFORMS",
    "Accounts",
    "Aggregate",
    "AudienceRows",
    "AudienceTraits",
    "Caller",
    "Column",
    "ConsentState",
    "Consents",
    "DenialReason",
    "Denied",
    "Gate",
    "GateSettings",
    "LegalBasis",
    "OperatorTable",
    "PairCount",
    "Platform",
    "Purpose",
    "QueryRows",
    "ReleaseClass",
    "Released",
    "SeedFigures",
    "Segment",
    "Subgraph",
    "SubgraphEdge",
    "SubgraphLevel",
    "SubgraphNode",
    "Trait",
    "UploadRows",
    "Use",
    "VersionCounts",
    "legal_basis",
    "purpose_of",
]
