"""Lists of vendors and publishers' restrictions, as TCF 2 writes them: a bit field, or ranges of ids. Canadian strings have a
second form, with Fibonacci numbers (`OptimizedRange` of the Global Privacy Platform, "Consent String Specification" 1.0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from graph.privacy.signals.bits import Bits, SignalRefused

__all__ = [
    "Restriction",
    "RestrictionType",
    "VendorForm",
    "Vendors",
    "fixed_vendors",
    "forbidden",
    "optimized_vendors",
    "restrictions",
]


@dataclass(frozen=True)
class Vendors:
    """A set of vendor ids, from 1 on: inclusive ranges, or the bits of a field `width` long, the first of them for id 1."""

    ranges: tuple[tuple[int, int], ...] = ()
    field: int = 0
    width: int = 0

    def __contains__(self, vendor: int) -> bool:
        if 1 <= vendor <= self.width and self.field >> (self.width - vendor) & 1:
            return True
        return any(first <= vendor <= last for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges) or bool(self.field)


VendorForm = Callable[[Bits], Vendors]


class RestrictionType(IntEnum):
    """What a publisher restricts; 3 is undefined and refuses the string."""

    NOT_ALLOWED = 0
    REQUIRE_CONSENT = 1
    REQUIRE_LEGITIMATE_INTEREST = 2


@dataclass(frozen=True)
class Restriction:
    """One restriction of a purpose, for some vendors."""

    purpose: int
    type: RestrictionType
    vendors: Vendors


def fixed_vendors(bits: Bits) -> Vendors:
    """The highest id (16 bits), then a bit field, or after a set bit a list of ranges that end at that id or before."""
    highest = bits.take(16)
    if not bits.flag():
        return _field(bits, highest)
    listed = fixed_ranges(bits)
    if any(last > highest for _, last in listed.ranges):
        raise SignalRefused("a vendor is over the highest vendor id")
    return listed


def fixed_ranges(bits: Bits) -> Vendors:
    """A number of entries (12 bits), each one id or a first and a last one (16 bits each)."""
    found = []
    for _ in range(bits.take(12)):
        group = bits.flag()
        first = bits.take(16)
        found.append(_range(first, bits.take(16) if group else first))
    return Vendors(tuple(found))


def optimized_vendors(bits: Bits) -> Vendors:
    """After a set bit a list of Fibonacci ranges, each id told by its distance from the one before; else a bit field."""
    if not bits.flag():
        return _field(bits, bits.take(16))
    return fibonacci_ranges(bits)


def fibonacci_ranges(bits: Bits) -> Vendors:
    """A number of entries (12 bits), each a distance from the last id, and for a group its length."""
    found, last = [], 0
    for _ in range(bits.take(12)):
        group = bits.flag()
        first = last + bits.fibonacci()
        last = first + (bits.fibonacci() if group else 0)
        found.append(_range(first, last))
    return Vendors(tuple(found))


def restrictions(bits: Bits, form: VendorForm) -> tuple[Restriction, ...]:
    """A number of restrictions (12 bits), each a purpose (6), a type (2) and its vendors in `form`."""
    found = []
    for _ in range(bits.take(12)):
        purpose, kind = bits.take(6), bits.take(2)
        if not 1 <= purpose <= 24:
            raise SignalRefused("a restriction is of no purpose")
        if kind not in list(RestrictionType):
            raise SignalRefused("a restriction is of an undefined type")
        found.append(Restriction(purpose, RestrictionType(kind), form(bits)))
    return tuple(found)


def forbidden(found: tuple[Restriction, ...], vendor: int | None) -> frozenset[int]:
    """Purposes that restrictions take from the vendor, or without one from any vendor: those that the publisher does not allow,
    and those for which consent is not what it wants. Type 0 wins over every other of the same purpose."""
    return frozenset(
        r.purpose
        for r in found
        if r.type is not RestrictionType.REQUIRE_CONSENT and (r.vendors if vendor is None else vendor in r.vendors)
    )


def _field(bits: Bits, width: int) -> Vendors:
    return Vendors(field=bits.take(width), width=width)


def _range(first: int, last: int) -> tuple[int, int]:
    if not 1 <= first <= last < 1 << 16:
        raise SignalRefused("a range of vendors is none")
    return first, last
