"""What new rows changed in the key index."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Changes", "NeedsFullRun"]


class NeedsFullRun(Exception):
    """The rows cannot be followed step by step; the message says why. Always caught by whoever can run all."""


@dataclass
class Changes:
    """By the index's numbers."""

    touched: set[int] = field(default_factory=set)
    """Subjects of which anything changed."""
    new: set[int] = field(default_factory=set)
    """Subjects that nothing named before."""
    linked: set[int] = field(default_factory=set)
    """Subjects whose sign-ins, aliases, identifiers or bot events changed, and the holders of identifiers that got or lost
    one."""
    records: set[int] = field(default_factory=set)
    """Accounts whose record changed."""
    beside: set[int] = field(default_factory=set)
    """Accounts that newly sign in on a device with others, and those others."""
    browsed: set[int] = field(default_factory=set)
    """Devices whose events or attributes changed."""
    busy: set[int] = field(default_factory=set)
    """Subjects with events and so many that they may be bots by their rate."""
    networks: set[int] = field(default_factory=set)
    """Networks with another number of devices than before."""
    identifiers: set[int] = field(default_factory=set)
    """Identifiers with another number of holders than before."""
