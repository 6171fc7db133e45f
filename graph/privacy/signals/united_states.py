"""US sections of a GPP string: US Privacy (6), national (7), California (8). In: a section. Out: which purposes it leaves.

Formats: IAB Tech Lab, "US Privacy String" 1.0; "GPP Extension: MSPA US National Section", versions 1 and 2; "GPP Extension:
California Privacy", version 1. The law behind them is one of opting out, the purposes of this product are asked for by opting
in: an answer counts only where the notice was given. Then, not opted out leaves every purpose; opted out leaves those in which
nobody's data leaves or is profiled (measuring contents, statistics, improving, contents by limited data: 8 to 11). Anything
else, above all the Global Privacy Control's subsection and a known child, leaves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graph.privacy.signals.bits import Bits, SignalRefused

__all__ = ["US_SECTIONS", "UsChoices", "read_us_privacy", "read_us_section"]

NATIONAL, CALIFORNIA = 7, 8
US_SECTIONS = (NATIONAL, CALIFORNIA)
_ALL = frozenset(range(1, 12))
_WITHOUT_PROFILE = frozenset({8, 9, 10, 11})
_NOTHING: frozenset[int] = frozenset()
_PRIVACY = re.compile(r"1([YN-])([YN-])([YN-])")


@dataclass(frozen=True)
class UsChoices:
    """What a section says. `answers` are pairs of notice and opt-out, of sale, sharing and (national) targeted advertising; each
    is 0 not applicable, 1 yes, 2 no. `children` are the answers about known children, `other_uses` the one about uses that do not
    fit what the data was taken for (1: no consent)."""

    informed: bool
    answers: tuple[tuple[int, int], ...]
    children: tuple[int, ...]
    other_uses: int
    gpc: bool

    def permitted(self) -> frozenset[int]:
        """The purposes that are left."""
        if self.gpc or not self.informed or any(self.children) or not set(self.answers) <= {(1, 1), (1, 2)}:
            return _NOTHING
        return _WITHOUT_PROFILE if (1, 1) in self.answers or self.other_uses == 1 else _ALL


def read_us_section(section: int, text: str) -> UsChoices:
    """Read a national (7) or Californian (8) section. Raises SignalRefused."""
    core, *others = text.split(".")
    bits = Bits(core)
    version = bits.take(6)
    if version not in ((1, 2) if section == NATIONAL else (1,)):
        raise SignalRefused(f"its section {section} is of version {version}")
    if section == NATIONAL:
        (informed,) = _answers(bits, 1)
        notices = _answers(bits, 3)
        _answers(bits, 2)  # notices about sensitive data
        choices = _answers(bits, 3)
        _answers(bits, 16 if version == 2 else 12)  # sensitive data: its tags leave in no case
        children = _answers(bits, 3 if version == 2 else 2)
    else:
        informed = 1
        notices = _answers(bits, 2)
        _answers(bits, 1)
        choices = _answers(bits, 2)
        _answers(bits, 9)
        children = _answers(bits, 2)
    (other_uses,) = _answers(bits, 1)
    _answers(bits, 3)  # the contract that the business has signed
    bits.end()
    return UsChoices(informed == 1, tuple(zip(notices, choices, strict=True)), children, other_uses, _gpc(others))


def read_us_privacy(text: str) -> frozenset[int] | None:
    """Purposes that a US Privacy string leaves; None where it says that it does not apply. Raises SignalRefused."""
    read = _PRIVACY.fullmatch(text)
    if read is None:
        raise SignalRefused("its US Privacy section is none of version 1")
    notice, opted_out, contract = read.groups()
    if notice == opted_out == contract == "-":
        return None
    if notice != "Y" or opted_out == "-":
        return _NOTHING
    return _WITHOUT_PROFILE if opted_out == "Y" else _ALL


def _answers(bits: Bits, count: int) -> tuple[int, ...]:
    found = tuple(bits.take(2) for _ in range(count))
    if 3 in found:
        raise SignalRefused("an answer of a US section is none of 0, 1, 2")
    return found


def _gpc(others: list[str]) -> bool:
    """The Global Privacy Control's subsection (type 1); not there is not set."""
    if not others:
        return False
    if len(others) > 1:
        raise SignalRefused("a US section has more than one subsection")
    bits = Bits(others[0])
    if bits.take(2) != 1:
        raise SignalRefused("a subsection of a US section is of an unknown type")
    found = bits.flag()
    bits.end()
    return found
