"""Consent strings for tests, written bit by bit from the specifications' tables; shares no code with what reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
POLICY_AT, SPECIFIC_AT, PURPOSES_AT, LEGITIMATE_AT = 132, 138, 152, 176
"""Bits before these fields of a TC string's core."""


def text(bits: str, unit: int = 6) -> str:
    """Base64url of bits, padded to whole units first, as encoders do: 6, 8 or 24 bits."""
    bits += "0" * (-len(bits) % unit)
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6))


def bits_of(segment: str) -> str:
    return "".join(f"{ALPHABET.index(c):06b}" for c in segment)


def chosen(numbers: Collection[int], width: int = 24) -> str:
    return "".join("1" if i in numbers else "0" for i in range(1, width + 1))


def runs(numbers: Collection[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for n in sorted(numbers):
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def ranges(numbers: Collection[int]) -> str:
    entries = [f"0{a:016b}" if a == b else f"1{a:016b}{b:016b}" for a, b in runs(numbers)]
    return f"{len(entries):012b}" + "".join(entries)


def vendors(numbers: Collection[int], by_range: bool = False) -> str:
    highest = max(numbers, default=0)
    return f"{highest:016b}" + (f"1{ranges(numbers)}" if by_range else f"0{chosen(numbers, highest)}")


def fibonacci(number: int) -> str:
    terms = [1, 2]
    while terms[-1] <= number:
        terms.append(terms[-1] + terms[-2])
    digits = ""
    for term in reversed(terms):
        if digits or term <= number:
            digits += "1" if term <= number else "0"
            number -= term if term <= number else 0
    return digits[::-1] + "1"


def fibonacci_ranges(numbers: Collection[int]) -> str:
    entries, last = "", 0
    for a, b in runs(numbers):
        entries += f"0{fibonacci(a - last)}" if a == b else f"1{fibonacci(a - last)}{fibonacci(b - a)}"
        last = b
    return f"{len(runs(numbers)):012b}{entries}"


def optimized(numbers: Collection[int], by_range: bool = True) -> str:
    highest = max(numbers, default=0)
    return f"1{fibonacci_ranges(numbers)}" if by_range else f"0{highest:016b}{chosen(numbers, highest)}"


def core(
    purposes: Collection[int] = (),
    *,
    version: int = 2,
    created: int = 17_000_000_000,
    updated: int = 17_000_000_000,
    language: str = "EN",
    policy: int = 5,
    specific: bool = True,
    legitimate: Collection[int] = (),
    treatment: bool = False,
    country: str = "DE",
    consented: Collection[int] = (),
    legitimate_vendors: Collection[int] = (),
    restrictions: Sequence[tuple[int, int, Collection[int]]] = (),
    by_range: bool = False,
) -> str:
    """Bits of a TC string's core."""
    return "".join(
        (
            f"{version:06b}{created:036b}{updated:036b}",
            f"{31:012b}{1:012b}{1:06b}",
            _letters(language),
            f"{48:012b}{policy:06b}{specific:b}0",
            "0" * 12,
            chosen(purposes),
            chosen(legitimate),
            f"{treatment:b}",
            _letters(country),
            vendors(consented, by_range),
            vendors(legitimate_vendors, by_range),
            f"{len(restrictions):012b}",
            *(f"{purpose:06b}{kind:02b}{ranges(who)}" for purpose, kind, who in restrictions),
        )
    )


def tc_string(
    purposes: Collection[int] = (),
    *,
    disclosed: Collection[int] | None = (1, 2, 3),
    publisher: Collection[int] | None = None,
    unit: int = 8,
    by_range: bool = False,
    **fields: Any,
) -> str:
    """A TC string; without disclosed vendors or publisher's purposes where they are None."""
    segments = [core(purposes, by_range=by_range, **fields)]
    if disclosed is not None:
        segments.append(f"{1:03b}{vendors(disclosed, by_range)}")
    if publisher is not None:
        segments.append(f"{3:03b}{chosen(publisher)}{'0' * 24}{0:06b}")
    return ".".join(text(s, unit) for s in segments)


def canadian(
    purposes: Collection[int] = (),
    *,
    version: int = 1,
    consented: Collection[int] = (),
    disclosed: Collection[int] | None = None,
    publisher: Collection[int] | None = None,
    restrictions: Sequence[tuple[int, int, Collection[int]]] | None = (),
    as_specified: bool = False,
) -> str:
    """A Canadian section, as the reference libraries write it or as the specification says."""
    listed = optimized if as_specified else vendors
    bits = f"{version:06b}{17_000_000_000:036b}{17_000_000_000:036b}{31:012b}{1:012b}{1:06b}{_letters('EN')}{48:012b}{2:06b}0"
    bits += "0" * 12 + chosen(purposes) + "0" * 24 + listed(consented) + listed(())
    if restrictions is not None:
        inner = optimized if as_specified else ranges
        bits += f"{len(restrictions):012b}" + "".join(f"{p:06b}{k:02b}{inner(who)}" for p, k, who in restrictions)
    segments = [bits]
    if disclosed is not None:
        segments.append(f"{1:03b}{listed(disclosed)}")
    if publisher is not None:
        segments.append(f"{3:03b}{chosen(publisher)}{'0' * 24}{0:06b}")
    return ".".join(text(s, 8) for s in segments)


def gpp(sections: dict[int, str]) -> str:
    """A GPP string of these sections."""
    header = f"{3:06b}{1:06b}{fibonacci_ranges(sections)}"
    return "~".join([text(header), *(sections[number] for number in sorted(sections))])


def us_section(
    section: int,
    *,
    version: int = 1,
    informed: int = 1,
    notices: Sequence[int] | None = None,
    opt_outs: Sequence[int] | None = None,
    sensitive: int = 0,
    children: int = 0,
    other_uses: int = 0,
    gpc: bool | None = None,
) -> str:
    """A national (7) or Californian (8) section. Answers: 0 not applicable, 1 yes, 2 no."""
    national = section == 7
    count = 3 if national else 2
    notices, opt_outs = notices or [1] * count, opt_outs or [2] * count
    kinds = (16 if version == 2 else 12) if national else 9
    minors = 3 if national and version == 2 else 2
    answers = [*([informed] if national else []), *notices, *([0, 0] if national else [0]), *opt_outs]
    answers += [sensitive] * kinds + [children] * minors + [other_uses, 1, 2, 2]
    segments = [f"{version:06b}{_answers(answers)}"]
    if gpc is not None:
        segments.append(f"{1:02b}{gpc:b}")
    return ".".join(text(s, 8) for s in segments)


def _answers(values: Iterable[int]) -> str:
    return "".join(f"{value:02b}" for value in values)


def _letters(letters: str) -> str:
    return "".join(f"{ord(c) - ord('A'):06b}" for c in letters)
