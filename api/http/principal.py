"""Who asks: what an API key or a token of the identity provider comes to."""

from __future__ import annotations

from dataclasses import dataclass

from graph.control import UNLIMITED, Quota, Scope

__all__ = ["Principal"]


@dataclass(frozen=True)
class Principal:
    """The key that asks: its id, its tenant, its scopes. Of a token of the identity provider the id is a hash of its subject,
    since that may be somebody's name."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]
    quota: Quota = UNLIMITED
