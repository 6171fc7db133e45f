"""Kinds of comparison: what the levels of agreement are called, and what is assumed of them before data speaks.

`usual_match` and `usual_chance` are the probabilities of each level among pairs of one entity (m) and of two (u): starting values
of the fit, and what is left of it where there is little data. `population`: how many values such an attribute can take, out of
which 1 in `population` pairs agree by chance even if the data at hand repeats none. Terms are those of Fellegi and Sunter (1969).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "LEVELS", "MISSING", "Kind", "kind_number"]

LEVELS = 6
"""Places for levels in every table of parameters; kinds with fewer leave the last ones empty."""
MISSING = -1
"""Level of a pair of which either value is missing."""


@dataclass(frozen=True)
class Kind:
    """`levels` from worst to best: the last one is equality. `frequency`: by how much the frequency of the value weighs at each
    level, from 0 (not) to 1 (in full); of the more frequent value of the two, for a typing error of a frequent value is near to
    everybody who has that value. `near`: level from which the attribute counts as agreeing."""

    name: str
    levels: tuple[str, ...]
    usual_match: tuple[float, ...]
    usual_chance: tuple[float, ...]
    frequency: tuple[float, ...]
    near: int
    population: float
    shared: float = 0.5
    """How much relatives share it, from 0 (by chance) to 1 (as one entity does), before data speaks."""
    exclusive: float = 0.0
    """log2 of how much rarer than one in all records a stranger with the same value is, where values are given to one person."""
    contact: bool = False
    """Shared by a household or an office: agreement on one makes agreement on another likely without being one person."""


KINDS: tuple[Kind, ...] = (
    Kind("category", ("differs", "one edit", "equal"), (0.06, 0.02, 0.92), (0.7, 0.02, 0.28), (0, 0, 1), 2, 4.0, 0.5),
    Kind(
        "name",
        ("differs", "part or initial", "alike", "nearly equal", "crosswise", "equal"),
        (0.05, 0.03, 0.04, 0.12, 0.01, 0.75),
        (0.944, 0.01, 0.035, 0.006, 1e-5, 0.005),
        (0, 0, 0, 0.5, 0, 1),
        3,
        500.0,
        0.5,
    ),
    Kind(
        "date",
        ("far", "within ten years", "within a year", "two parts equal", "nearly equal", "equal"),
        (0.03, 0.02, 0.02, 0.03, 0.10, 0.80),
        (0.7495, 0.22, 0.026, 0.004, 5e-4, 5e-5),
        (0, 0, 0, 0, 0, 1),
        4,
        20_000.0,
        0.02,
    ),
    Kind(
        "identifier",
        ("differs", "similar", "one edit", "equal"),
        (0.08, 0.02, 0.10, 0.80),
        (0.9889, 0.01, 1e-3, 1e-4),
        (0, 0, 0.25, 1),
        2,
        1_000.0,
        0.4,
    ),
    Kind(
        "email",
        ("differs", "equal domain", "similar name", "equal name", "equal"),
        (0.15, 0.05, 0.06, 0.08, 0.66),
        (0.95, 0.047, 0.002, 1e-3, 1e-5),
        (0, 1, 0.25, 0.25, 1),
        3,
        2.0**20,
        0.1,
        10.0,
        True,
    ),
    Kind(
        "phone",
        ("differs", "similar", "one edit", "equal"),
        (0.22, 0.03, 0.05, 0.70),
        (0.9899, 0.01, 1e-4, 1e-5),
        (0, 0, 0, 1),
        3,
        2.0**18,
        0.3,
        8.0,
        True,
    ),
    Kind(
        "text",
        ("unlike", "a little", "partly", "mostly", "nearly equal", "equal"),
        (0.06, 0.03, 0.05, 0.10, 0.20, 0.56),
        (0.9, 0.07, 0.02, 0.006, 0.001, 0.001),
        (0, 0, 0, 0, 0.25, 1),
        4,
        10_000.0,
        0.9,
        0.0,
        True,
    ),
    Kind(
        "number",
        ("far", "within a tenth", "within a hundredth", "equal"),
        (0.08, 0.06, 0.06, 0.80),
        (0.8, 0.12, 0.03, 0.05),
        (0, 0, 0, 1),
        2,
        20.0,
        0.5,
    ),
)


def kind_number(name: str) -> int:
    """Place of a kind in `KINDS`. Raises KeyError."""
    for number, kind in enumerate(KINDS):
        if kind.name == name:
            return number
    raise KeyError(name)
