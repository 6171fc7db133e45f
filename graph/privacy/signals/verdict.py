"""What the consent strings of one record permit together. In: a TC string, a GPP string, the operator's vendor id. Out:
purposes, and why none where a string is refused.

The most restrictive wins: a purpose counts when each string, and each section of the GPP string, permits it. A section that is
not read here (those of other US states, and whatever is registered later) refuses the whole string.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.privacy.signals.bits import SignalRefused
from graph.privacy.signals.canada import read_canadian
from graph.privacy.signals.gpp import read_gpp
from graph.privacy.signals.tcf import read_tc_string
from graph.privacy.signals.united_states import US_SECTIONS, read_us_privacy, read_us_section

__all__ = ["Verdict", "verdict"]

_MOST_CHARACTERS = 20_000
"""Threat: a string made to be slow to read. Unit: characters. TC strings of every registered vendor have some 2,000."""


@dataclass(frozen=True)
class Verdict:
    """Purposes that the strings permit, None where they say nothing of this person; `refusal` is one line where one of them was
    refused, and then nothing is permitted."""

    purposes: frozenset[int] | None
    refusal: str | None = None


def verdict(tc_string: str | None, gpp_string: str | None, vendor: int | None = None) -> Verdict:
    """The purposes that every string given permits the operator. Raises nothing."""
    told: list[frozenset[int]] = []
    try:
        if tc_string is not None:
            told.append(read_tc_string(_short(tc_string)).permitted(vendor))
        if gpp_string is not None:
            told += _sections(_short(gpp_string), vendor)
    except SignalRefused as error:
        return Verdict(frozenset(), error.reason)
    return Verdict(frozenset.intersection(*told) if told else None)


def _sections(text: str, vendor: int | None) -> list[frozenset[int]]:
    """What each section permits, without those that say that they do not apply."""
    told: list[frozenset[int]] = []
    for section, content in read_gpp(text).items():
        match section:
            case 2:
                told.append(read_tc_string(content).permitted(vendor))
            case 5:
                told += [form.permitted(vendor) for form in read_canadian(content)]
            case 6:
                left = read_us_privacy(content)
                told += [] if left is None else [left]
            case _ if section in US_SECTIONS:
                told.append(read_us_section(section, content).permitted())
            case _:
                raise SignalRefused(f"its section {section} is not read here")
    return told


def _short(text: str) -> str:
    if len(text) > _MOST_CHARACTERS:
        raise SignalRefused("it is too long")
    return text
