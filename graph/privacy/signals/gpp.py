"""Strings of the IAB Global Privacy Platform. In: a string. Out: its sections by number.

Format: IAB Tech Lab, "Global Privacy Platform String" 1.0: sections between tildes, after a header that lists their numbers in
Fibonacci coding. Refused: another type or version of header, more or fewer sections than it lists.
"""

from __future__ import annotations

from graph.privacy.signals.bits import Bits, SignalRefused
from graph.privacy.signals.vendors import fibonacci_ranges

__all__ = ["read_gpp", "section_ids"]

_HEADER, _VERSION = 3, 1


def section_ids(header: str) -> tuple[int, ...]:
    """Numbers of the sections, in their order. Raises SignalRefused."""
    bits = Bits(header)
    if bits.take(6) != _HEADER:
        raise SignalRefused("it does not begin with a GPP header")
    if (version := bits.take(6)) != _VERSION:
        raise SignalRefused(f"it is of GPP version {version}, not {_VERSION}")
    listed = fibonacci_ranges(bits)
    bits.end()
    return tuple(number for first, last in listed.ranges for number in range(first, last + 1))


def read_gpp(text: str) -> dict[int, str]:
    """The sections by number, as they stand. Raises SignalRefused."""
    header, *sections = text.split("~")
    numbers = section_ids(header)
    if len(numbers) != len(sections) or not numbers:
        raise SignalRefused("its header lists other sections than there are")
    return dict(zip(numbers, sections, strict=True))
