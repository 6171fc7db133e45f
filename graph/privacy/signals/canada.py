"""The Canadian section (5) of a GPP string. In: the section. Out: which purposes it permits by express consent.

Format: IAB Tech Lab, "GPP Extension: IAB Canada TCF", section version 1. It names the type `OptimizedRange` for lists of vendors,
while the reference libraries write them as TCF 2 does. Both are read; where both fit, only what both say counts.
Implied consent permits nothing here, as legitimate interest does not. Purpose 1 does not exist in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.privacy.signals.bits import Bits, SignalRefused
from graph.privacy.signals.tcf import moment, publisher_purposes, segments
from graph.privacy.signals.vendors import (
    Restriction,
    VendorForm,
    Vendors,
    fixed_ranges,
    fixed_vendors,
    forbidden,
    optimized_vendors,
    restrictions,
)

__all__ = ["CanadianString", "read_canadian"]

_DISCLOSED, _PUBLISHER = 1, 3
# How vendors are listed, and how inside a restriction.
_FORMS: tuple[tuple[VendorForm, VendorForm], ...] = (
    (fixed_vendors, fixed_ranges),
    (optimized_vendors, optimized_vendors),
)


@dataclass(frozen=True)
class CanadianString:
    """What the section says, read in one form. `disclosed` and `publisher_purposes` are None without their segments."""

    purposes: frozenset[int]
    vendors: Vendors
    restrictions: tuple[Restriction, ...]
    disclosed: Vendors | None
    publisher_purposes: frozenset[int] | None

    def permitted(self, vendor: int | None) -> frozenset[int]:
        """Purposes that the vendor, or without one the operator as publisher, may process for by express consent."""
        found = self.purposes - forbidden(self.restrictions, vendor) - {1}
        if vendor is None:
            return found if self.publisher_purposes is None else found & self.publisher_purposes
        if self.disclosed is not None and vendor not in self.disclosed:
            return frozenset()
        return found if vendor in self.vendors else frozenset()


def read_canadian(text: str) -> tuple[CanadianString, ...]:
    """The section in each form that fits it, one at least. Raises SignalRefused."""
    found: list[CanadianString] = []
    refused: SignalRefused | None = None
    for listed, restricted in _FORMS:
        try:
            found.append(_read(text, listed, restricted))
        except SignalRefused as error:
            refused = refused or error
    if refused is not None and not found:
        raise refused
    return tuple(found)


def _read(text: str, listed: VendorForm, restricted: VendorForm) -> CanadianString:
    core, others = segments(text)
    bits = Bits(core)
    if (version := bits.take(6)) != 1:
        raise SignalRefused(f"its Canadian section is of version {version}, not 1")
    moment(bits), moment(bits)  # created, updated
    bits.take(12 + 12 + 6)  # consent manager, its version, its screen
    bits.letters(2)
    bits.take(12 + 6 + 1 + 12)  # vendor list, policy, own stacks, special features
    purposes = bits.chosen(24)
    bits.take(24)  # implied consent
    vendors = listed(bits)
    listed(bits)  # vendors by implied consent
    # The first edition of the section ends here: less than a count of restrictions is its padding.
    found = restrictions(bits, restricted) if bits.left >= 12 else ()
    bits.end()
    disclosed = None
    if _DISCLOSED in others:
        disclosed = listed(others[_DISCLOSED])
        others.pop(_DISCLOSED).end()
    own = publisher_purposes(others.pop(_PUBLISHER)) if _PUBLISHER in others else None
    if others:
        raise SignalRefused("a segment is of an unknown type")
    return CanadianString(purposes, vendors, found, disclosed, own)
