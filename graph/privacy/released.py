"""`Released`: the only form in which anything about people leaves, and `Denied`: why it does not.

Only `graph.privacy` can make a `Released`: the constructor wants a token that this module keeps. Python cannot stop code that
sets out to forge one; this stops the mistake, and an architecture test stops the commit.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from typing import Generic, NoReturn, TypeVar

__all__ = ["DenialReason", "Denied", "ReleaseClass", "Released"]

T = TypeVar("T")
_TOKEN = object()


class ReleaseClass(StrEnum):
    """The four classes of DESIGN.md section 8; each has rules of its own."""

    OPERATOR_FILE = "operator_file"
    SUBJECT_LOOKUP = "subject_lookup"
    ROW_LIST = "row_list"
    AGGREGATE = "aggregate"


class DenialReason(StrEnum):
    """Why something is not released. Kept for the audit log: outsiders get one and the same answer for all of them."""

    ABSENT = "absent"  # no such person or audience, or another tenant's
    NO_CONSENT = "no_consent"
    TOO_FEW = "too_few"
    TOO_SIMILAR = "too_similar"
    SENSITIVE = "sensitive"
    SEVERAL_PEOPLE = "several_people"


@dataclass(frozen=True)
class Denied:
    """A refusal, as a value. The message is one line without identifiers, for operators; never send it to a tenant."""

    reason: DenialReason
    message: str


@dataclass(frozen=True)
class Released(Generic[T]):
    """`value` has passed the gate, under the rules of `release_class`."""

    value: T
    release_class: ReleaseClass
    token: InitVar[object]
    _seal: object = field(init=False, repr=False, compare=False)

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only graph.privacy can release; ask its Gate")
        object.__setattr__(self, "_seal", (_TOKEN, id(self.value)))

    @property
    def genuine(self) -> bool:
        """False for one that was put together without the constructor, or whose value was exchanged since."""
        return getattr(self, "_seal", None) == (_TOKEN, id(self.value))

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Released cannot be subclassed")

    def __reduce__(self) -> NoReturn:
        raise TypeError("Released cannot be copied or pickled; ask the Gate again")


def _release(value: T, release_class: ReleaseClass) -> Released[T]:
    """Make a `Released`. For `graph.privacy.gate` alone."""
    return Released(value, release_class, _TOKEN)
