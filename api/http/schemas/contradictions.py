"""Rules that nobody can meet. In: a rule. Out: the places of two conditions that exclude each other, and why; or nothing.

What must hold and what must not is gathered from `all`, `none` and the groups in them, and each two of these are compared. `any`
is followed where it has one alternative; a rule with several may still be met by nobody. Places are told, values never are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from api.http.schemas.audience_rules import (
    AttributeCondition,
    Condition,
    CountCondition,
    EventCondition,
    MoneyCondition,
    Ranged,
    RecencyCondition,
    RuleGroup,
    ScoreCondition,
    TagCondition,
)

__all__ = ["contradiction_in"]


@dataclass(frozen=True)
class _Said:
    """A condition that must hold, or must not; `place` as `all.0`."""

    condition: Condition
    holds: bool
    place: str


def contradiction_in(rule: RuleGroup) -> str | None:
    """One line that names two places of the rule that exclude each other; None where none are found."""
    said = list(_gathered(rule, True, ""))
    for one, other in combinations(said, 2):
        if (why := _against(one, other)) is not None:
            return f"{one.place} and {other.place} contradict each other: {why}"
    for group, place in _groups(rule, ""):
        if (why := _empty_any(group, place, said)) is not None:
            return why
    return None


def _gathered(condition: Condition, holds: bool, place: str) -> Iterator[_Said]:
    if not isinstance(condition, RuleGroup):
        yield _Said(condition, holds, place)
        return
    group = condition
    parts: list[tuple[Sequence[Condition], str, bool]] = [(group.all, "all", True), (group.none, "none", False)]
    if len(group.any) == 1:
        parts.append((group.any, "any", True))
    alternatives = len(group.all) + len(group.none) + bool(group.any)
    if not holds and alternatives > 1:  # not all of several: no single one of them is known to fail
        yield _Said(group, False, place)
        return
    if not holds and len(group.any) > 1:  # not one of them: each fails
        parts = [(group.any, "any", True)]
    if holds:
        yield _Said(group, True, place)
    for conditions, name, positive in parts:
        for number, inner in enumerate(conditions):
            yield from _gathered(inner, positive == holds, f"{place}.{name}.{number}".lstrip("."))


def _groups(group: RuleGroup, place: str) -> Iterator[tuple[RuleGroup, str]]:
    """Groups that must hold for the rule to."""
    yield group, place
    for number, inner in enumerate(group.all):
        if isinstance(inner, RuleGroup):
            yield from _groups(inner, f"{place}.all.{number}".lstrip("."))


def _empty_any(group: RuleGroup, place: str, said: Sequence[_Said]) -> str | None:
    """Every alternative of `any` excluded by something else."""
    if not group.any:
        return None
    where = f"{place}.any".lstrip(".")
    against: list[str] = []
    for number, alternative in enumerate(group.any):
        parts = list(_gathered(alternative, True, f"{where}.{number}"))
        outside = (s for s in said if not f"{s.place}.".startswith(f"{where}.{number}."))
        excluding = next((s.place for s in outside if any(_against(part, s) is not None for part in parts)), None)
        if excluding is None:
            return None
        against.append(excluding)
    return f"{where} contradicts {', '.join(dict.fromkeys(against))}: no alternative of it can be met"


def _against(one: _Said, other: _Said) -> str | None:
    """Why two cannot both be so."""
    if one.holds and other.holds:
        return _both(one.condition, other.condition)
    if one.holds == other.holds:
        return None
    wanted, excluded = (one, other) if one.holds else (other, one)
    return _excluded(wanted.condition, excluded.condition)


def _both(one: Condition, other: Condition) -> str | None:
    match one, other:
        case CountCondition(), CountCondition() if one.count == other.count:
            return _apart(one, other, f"no number of {one.count} lies in both ranges")
        case ScoreCondition(), ScoreCondition() if (one.score, one.currency) == (other.score, other.currency):
            return _apart(one, other, f"no score of {one.score} lies in both ranges")
        case EventCondition(), EventCondition() if (one.events, one.within_days) == (other.events, other.within_days):
            return _apart(one, other, "no number of the same events lies in both ranges")
        case MoneyCondition(), MoneyCondition() if (one.spent, one.within_days) == (other.spent, other.within_days):
            return _apart(one, other, "no sum in the same currency lies in both ranges")
        case RecencyCondition(), RecencyCondition() if one.last_event != other.last_event:
            within, over = (one, other) if one.last_event == "within" else (other, one)
            return "the last event would have to be newer and older" if within.days <= over.days else None
    return None


def _excluded(wanted: Condition, excluded: Condition) -> str | None:
    """Whoever meets `wanted` meets `excluded`."""
    match wanted, excluded:
        case TagCondition(), TagCondition() if wanted.tag == excluded.tag:
            fits = wanted.min_probability >= excluded.min_probability
            return "the same tag is asked for, and excluded at that probability" if fits else None
        case AttributeCondition(), AttributeCondition() if wanted.attribute == excluded.attribute:
            fits = set(wanted.one_of) <= set(excluded.one_of)
            return f"every value of {wanted.attribute} asked for is excluded" if fits else None
        case RecencyCondition(), RecencyCondition() if wanted.last_event == excluded.last_event:
            within = wanted.last_event == "within"
            fits = wanted.days <= excluded.days if within else wanted.days >= excluded.days
            return "the last event is asked for, and excluded, in the same time" if fits else None
        case Ranged(), Ranged() if _subject(wanted) == _subject(excluded):
            (least, most), (below, above) = _range_of(wanted), _range_of(excluded)
            return "the whole range asked for is excluded" if below <= least and most <= above else None
        case _ if wanted == excluded:
            return "the same condition is asked for and excluded"
    return None


def _range_of(condition: Ranged) -> tuple[float, float]:
    least, most = condition.ends()
    return float("-inf") if least is None else least, float("inf") if most is None else most


def _subject(condition: Ranged) -> tuple[str, dict[str, object]]:
    """What a range is of."""
    return type(condition).__name__, condition.model_dump(exclude={"minimum", "maximum"})


def _apart(one: Ranged, other: Ranged, why: str) -> str | None:
    (least, most), (below, above) = _range_of(one), _range_of(other)
    return why if most < below or above < least else None
