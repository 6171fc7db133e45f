"""The control store: tenants, API keys, audiences, consent log, exports, audit."""

from graph.control.audience_members import SEEDS
from graph.control.audiences import KEPT_VERSIONS, Audience, AudienceKind, Audiences, AudienceVersion, Definition
from graph.control.audit import AuditEntry, AuditLog
from graph.control.consents import ConsentLog, ConsentRecord
from graph.control.engine import ControlUnavailable
from graph.control.exports import Export, ExportRequest, Exports
from graph.control.idempotency import Claim, KeptAnswer, NamedRequests, Refused
from graph.control.keys import ApiKey, ApiKeys, Scope
from graph.control.leases import Leases
from graph.control.quotas import UNLIMITED, Quota, Quotas, QuotaUse
from graph.control.references import AUDIENCE_PREFIX, audiences_in, texts_of
from graph.control.store import Control, sqlite_url
from graph.control.tenants import Tenant, Tenants

__all__ = [
    "AUDIENCE_PREFIX",
    "KEPT_VERSIONS",
    "SEEDS",
    "UNLIMITED",
    "ApiKey",
    "ApiKeys",
    "Audience",
    "AudienceKind",
    "AudienceVersion",
    "Audiences",
    "AuditEntry",
    "AuditLog",
    "Claim",
    "ConsentLog",
    "ConsentRecord",
    "Control",
    "ControlUnavailable",
    "Definition",
    "Export",
    "ExportRequest",
    "Exports",
    "KeptAnswer",
    "Leases",
    "NamedRequests",
    "Quota",
    "QuotaUse",
    "Quotas",
    "Refused",
    "Scope",
    "Tenant",
    "Tenants",
    "audiences_in",
    "sqlite_url",
    "texts_of",
]
