"""Who asks the gate."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OPERATOR", "Caller"]


@dataclass(frozen=True)
class Caller:
    """Who asks: an API key of a tenant, or the operator at the command line."""

    tenant_id: str
    actor: str


OPERATOR = Caller("operator", "operator")
"""The local command line."""
