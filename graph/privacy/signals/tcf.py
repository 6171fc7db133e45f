"""TC strings of the IAB Europe Transparency and Consent Framework. In: a string. Out: its fields, and which purposes it permits.

Format: IAB Tech Lab, "Transparency and Consent String with Global Vendor & CMP List Formats", version 2.3 (April 2025): segments
between dots, a core first, then those of disclosed vendors (1, mandatory), allowed vendors (2, no longer used) and the
publisher's own purposes (3). Refused, since it cannot be relied on: another version than 2, a policy under 4 (TCF 2.2) or over 5
(2.3, the newest known), a string that is not service-specific, legitimate interest for purposes 3 to 6, no disclosed vendors,
undefined restrictions, anything that is not laid out as the specification says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from graph.privacy.signals.bits import Bits, SignalRefused
from graph.privacy.signals.vendors import Restriction, Vendors, fixed_ranges, fixed_vendors, forbidden, restrictions

__all__ = ["Restriction", "TcString", "moment", "publisher_purposes", "read_tc_string", "segments"]

_DISCLOSED, _ALLOWED, _PUBLISHER = 1, 2, 3
_POLICIES = (4, 5)
_CONSENT_ONLY = frozenset({3, 4, 5, 6})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TcString:
    """What a TC string says. Purposes and vendors are numbers from 1 on; times are UTC; `publisher_purposes` is None without the
    publisher's segment."""

    created: datetime
    updated: datetime
    policy: int
    purposes: frozenset[int]
    legitimate_interests: frozenset[int]
    purpose_one_treatment: bool
    publisher_country: str
    vendors: Vendors
    vendors_legitimate: Vendors
    restrictions: tuple[Restriction, ...]
    disclosed: Vendors
    publisher_purposes: frozenset[int] | None

    def permitted(self, vendor: int | None) -> frozenset[int]:
        """Purposes that the vendor may process for by consent.

        The vendor must have been disclosed and consented to, and no restriction may take the purpose away. Without a vendor the
        operator counts as the publisher: purposes that the publisher's segment, where there is one, has consent for too, and that
        no restriction takes from anybody. Legitimate interest permits nothing: which purposes a vendor claims by it
        stands in the Global Vendor List, not here. Purpose 1 is none where the string says that it was not disclosed.
        """
        found = self.purposes - forbidden(self.restrictions, vendor)
        if self.purpose_one_treatment:
            found -= {1}
        if vendor is None:
            return found if self.publisher_purposes is None else found & self.publisher_purposes
        return found if vendor in self.disclosed and vendor in self.vendors else frozenset()


def read_tc_string(text: str) -> TcString:
    """Read a TC string. Raises SignalRefused."""
    core, others = segments(text)
    bits = Bits(core)
    if (version := bits.take(6)) != 2:
        raise SignalRefused(f"it is of version {version}, not 2")
    created, updated = moment(bits), moment(bits)
    bits.take(12 + 12 + 6)  # consent manager, its version, its screen
    bits.letters(2)
    bits.take(12)  # vendor list
    policy = bits.take(6)
    if policy not in _POLICIES:
        raise SignalRefused(f"its policy version {policy} is not one of {', '.join(map(str, _POLICIES))}")
    if not bits.flag():
        raise SignalRefused("it is not service-specific")
    bits.take(1 + 12)  # own texts, special features
    purposes, legitimate = bits.chosen(24), bits.chosen(24)
    if legitimate & _CONSENT_ONLY:
        raise SignalRefused("it claims legitimate interest for a purpose from 3 to 6")
    treatment, country = bits.flag(), bits.letters(2)
    vendors, vendors_legitimate = fixed_vendors(bits), fixed_vendors(bits)
    restricted = restrictions(bits, fixed_ranges)
    bits.end()
    if _DISCLOSED not in others:
        raise SignalRefused("it has no disclosed vendors")
    disclosed = _vendor_segment(others[_DISCLOSED])
    if _ALLOWED in others:
        _vendor_segment(others[_ALLOWED])
    own = publisher_purposes(others[_PUBLISHER]) if _PUBLISHER in others else None
    return TcString(
        created,
        updated,
        policy,
        purposes,
        legitimate,
        treatment,
        country,
        vendors,
        vendors_legitimate,
        restricted,
        disclosed,
        own,
    )


def segments(text: str) -> tuple[str, dict[int, Bits]]:
    """The core and, by their type and after it, the bits of the other segments. Raises SignalRefused for an unknown or repeated
    one."""
    core, *others = text.split(".")
    found: dict[int, Bits] = {}
    for other in others:
        bits = Bits(other)
        kind = bits.take(3)
        if kind not in (_DISCLOSED, _ALLOWED, _PUBLISHER):
            raise SignalRefused("a segment is of an unknown type")
        if kind in found:
            raise SignalRefused("a segment is there twice")
        found[kind] = bits
    return core, found


def moment(bits: Bits) -> datetime:
    """A time in tenths of a second since 1970, 36 bits."""
    return _EPOCH + timedelta(milliseconds=bits.take(36) * 100)


def publisher_purposes(bits: Bits) -> frozenset[int]:
    """Purposes for which the publisher itself has consent, from the segment of its purposes."""
    consented = bits.chosen(24)
    bits.take(24)  # legitimate interest
    bits.take(2 * bits.take(6))  # purposes of its own, by consent and by legitimate interest
    bits.end()
    return consented


def _vendor_segment(bits: Bits) -> Vendors:
    found = fixed_vendors(bits)
    bits.end()
    return found
