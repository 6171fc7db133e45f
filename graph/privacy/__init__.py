"""The privacy gate: what may leave, for whom, in which form."""

from graph.privacy.consent import Consents, ConsentState
from graph.privacy.gate import OPERATOR, Caller, Gate
from graph.privacy.payloads import (
    Aggregate,
    AudienceRows,
    OperatorTable,
    QueryRows,
    Subgraph,
    SubgraphEdge,
    SubgraphLevel,
    SubgraphNode,
)
from graph.privacy.purposes import LegalBasis, Purpose, Use, legal_basis, purpose_of
from graph.privacy.query_rows import Column
from graph.privacy.released import DenialReason, Denied, ReleaseClass, Released
from graph.privacy.settings import GateSettings

__all__ = [
    "OPERATOR",
    "Aggregate",
    "AudienceRows",
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
    "Purpose",
    "QueryRows",
    "ReleaseClass",
    "Released",
    "Subgraph",
    "SubgraphEdge",
    "SubgraphLevel",
    "SubgraphNode",
    "Use",
    "legal_basis",
    "purpose_of",
]
