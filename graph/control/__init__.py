"""The control store: tenants, API keys, audiences, consent log, exports, audit."""

from graph.control.audiences import AUDIENCE_PREFIX, Audience, AudienceKind, Audiences
from graph.control.audit import AuditEntry, AuditLog
from graph.control.consents import ConsentLog, ConsentRecord
from graph.control.engine import ControlUnavailable
from graph.control.exports import Export, ExportRequest, Exports
from graph.control.idempotency import Claim, KeptAnswer, NamedRequests, Refused
from graph.control.keys import ApiKey, ApiKeys, Scope
from graph.control.quotas import UNLIMITED, Quota, Quotas, QuotaUse
from graph.control.store import Control, sqlite_url
from graph.control.tenants import Tenant, Tenants

__all__ = [
    "AUDIENCE_PREFIX",
    "UNLIMITED",
    "ApiKey",
    "ApiKeys",
    "Audience",
    "AudienceKind",
    "Audiences",
    "AuditEntry",
    "AuditLog",
    "Claim",
    "ConsentLog",
    "ConsentRecord",
    "Control",
    "ControlUnavailable",
    "Export",
    "ExportRequest",
    "Exports",
    "KeptAnswer",
    "NamedRequests",
    "Quota",
    "QuotaUse",
    "Quotas",
    "Refused",
    "Scope",
    "Tenant",
    "Tenants",
    "sqlite_url",
]
