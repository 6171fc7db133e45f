"""What keeps two persons apart, or a device or account alone, in words, the most direct first.

In: the resolution, the members of the two persons, the evidence between them. Out: sentences: an operator's word, a guard (bot,
shared device, generic identifier), a unique namespace, evidence against, evidence that has expired, a rule of clustering. No
value of an identifier or a record is in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from graph.resolution import Resolution
from graph.resolve.assertions import ASSERTED_NEVER
from graph.resolve.contraction import ClusterRules
from graph.resolve.explain_grounds import Grounds
from graph.resolve.explain_rows import count, rows
from graph.resolve.explanation import Link, Piece, Subject

__all__ = ["blocks_between", "blocks_of"]

_COMPARISONS = 3  # of those that speak against, as many are named

Members = frozenset[Subject]


def blocks_of(resolution: Resolution, subject: Subject) -> list[str]:
    """Why a device or account stays alone, where a guard is the reason."""
    found = rows(resolution.guarded, id=[subject.id], kind=[subject.kind])
    return [f"{subject} is {r['class']}: {r['reason']}" for r in found]


def blocks_between(
    resolution: Resolution,
    ends: tuple[Subject, Subject],
    between: Sequence[Link],
    members: tuple[Members, Members],
    rules: ClusterRules,
    grounds: Grounds | None,
) -> list[str]:
    """What kept two persons apart. Of `ends` either may be a person, which stands for all of its members."""
    found = [f"an operator said that {link.left} and {link.right} are never one person" for link in between if _never(link)]
    for side, end in zip(members, ends, strict=True):
        for subject in sorted(side) if end.kind == "person" else [end]:
            found += blocks_of(resolution, subject)
    if grounds is not None:
        accounts = (_ids(members[0], "account"), _ids(members[1], "account"))
        found += [f"each has an id of {name}, in which a person has one" for name in grounds.namespaces(*accounts)]
    found += _generic(resolution, members)
    found += _shared(resolution, members)
    found += _against(between)
    if grounds is not None:
        found += _expired(resolution, between, members, grounds)
    total = math.fsum(link.score for link in between)
    if total > 0 and not any(map(_never, between)):
        found.append(_rule(total, members, rules))
    return found


def _never(link: Link) -> bool:
    return any(p.method == ASSERTED_NEVER for p in link.pieces)


def _generic(resolution: Resolution, members: tuple[Members, Members]) -> list[str]:
    held = [{r["identifier_id"] for r in rows(resolution.has_identifier, id={s.id for s in side})} for side in members]
    return [
        f"both hold one {r['kind']}, which is generic with {count(r['degree'], 'holder')}"
        for r in rows(resolution.identifiers, identifier_id=held[0] & held[1])
        if r["generic"]
    ]


def _shared(resolution: Resolution, members: tuple[Members, Members]) -> list[str]:
    used = [{r["device_id"] for r in rows(resolution.signed_in, account_id=_ids(side, "account"))} for side in members]
    return [
        f"both signed in on device:{r['id']}, which is {r['class']}: {r['reason']}"
        for r in rows(resolution.guarded, id=used[0] & used[1], kind=["device"])
    ]


def _against(between: Sequence[Link]) -> list[str]:
    opposed = [p for link in between for p in link.pieces if p.weight < 0 and p.method != ASSERTED_NEVER]
    opposed.sort(key=lambda p: (p.weight, p.method))
    if not opposed:
        return []
    strongest = {p.method: p for p in reversed(opposed)}
    told = ", ".join(_told(strongest[method]) for method in dict.fromkeys(p.method for p in opposed))
    return [f"evidence against: {told}; {math.fsum(p.weight for p in opposed):+.1f} in all"]


def _told(piece: Piece) -> str:
    """A rule, and what of it disagrees most."""
    worst = sorted((p for p in piece.parts if p.weight < 0 and p.level is not None), key=lambda p: (p.weight, p.name))
    named = ", ".join(f"{p.name} {p.level}" for p in worst[:_COMPARISONS])
    return f"{piece.method} ({named})" if named else piece.method


def _expired(resolution: Resolution, between: Sequence[Link], members: tuple[Members, Members], grounds: Grounds) -> list[str]:
    standing = {(link.left.id, link.right.id) for link in between if any(p.method == "sign_in" for p in link.pieces)}
    either = members[0] | members[1]
    guarded = {r["id"] for r in rows(resolution.guarded, id=_ids(either, "device"), kind=["device"])}
    found = []
    for r in rows(resolution.signed_in, account_id=_ids(either, "account"), device_id=_ids(either, "device")):
        account, device = Subject("account", r["account_id"]), Subject("device", r["device_id"])
        together = {account, device} <= members[0] or {account, device} <= members[1]
        if together or (account.id, device.id) in standing or device.id in guarded:
            continue
        if grounds.remaining("sign_in", r["last_seen"]) == 0:
            found.append(
                f"{count(r['count'], 'sign-in')} of {account} on {device}, the last at {r['last_seen']:%Y-%m-%d}, expired"
            )
    return found


def _rule(total: float, members: tuple[Members, Members], rules: ClusterRules) -> str:
    """Which clustering rule the evidence between two persons does not meet."""
    both = members[0] | members[1]
    needed = rules.join_log2_odds if min(map(len, members)) == 1 else rules.strong_log2_odds
    if total < needed:
        return f"the evidence between them adds up to {total:.1f} log2 odds, a join needs {needed:.1f}"
    if len(both) > rules.max_members or len(_ids(both, "account")) > rules.max_accounts:
        accounts = count(len(_ids(both, "account")), "account")
        return f"together they would have {count(len(both), 'member')}, {accounts} among them, more than a person may"
    return f"the evidence between them adds up to {total:.1f} log2 odds, but other links of theirs were joined first"


def _ids(subjects: Members, kind: str) -> set[str]:
    return {s.id for s in subjects if s.kind == kind}
