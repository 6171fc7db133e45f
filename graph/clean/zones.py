"""Time zone names: IANA names in any case, Windows names (CLDR table), fixed offsets.

Out: an IANA name, or a fixed offset as `+02:00`; None for what is no zone. The Windows table lists standard names only
("Pacific Standard Time"); browsers report the daylight one in summer, which is the same zone.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cached_property

from tzlocal.windows_tz import win_tz

__all__ = ["Zones", "offset_minutes"]

_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+\-−])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_SUMMER = re.compile(r" (daylight|summer) time$", re.IGNORECASE)
# Names that browsers write (CLDR's English names, Windows display names) where they are no key of the Windows table.
_WRITTEN = {
    "british standard time": "Europe/London",
    "irish standard time": "Europe/Dublin",
    "western european standard time": "Europe/Lisbon",
    "eastern european standard time": "Europe/Athens",
    "moscow standard time": "Europe/Moscow",
    "brasilia standard time": "America/Sao_Paulo",
    "malay peninsula standard time": "Asia/Singapore",
    "singapore standard time": "Asia/Singapore",
    "korean standard time": "Asia/Seoul",
    "japan standard time": "Asia/Tokyo",
    "hong kong standard time": "Asia/Hong_Kong",
    "philippine standard time": "Asia/Manila",
    "australian eastern standard time": "Australia/Sydney",
    "australian western standard time": "Australia/Perth",
    "east africa standard time": "Africa/Nairobi",
}
_UTC = frozenset({"z", "utc", "gmt", "etc/utc", "etc/gmt", "zulu", "coordinated universal time"})
_NO_ZONE = frozenset({"localtime", "posixrules", "Factory"})


class Zones:
    """The zones this machine knows, read at first use."""

    @cached_property
    def _names(self) -> dict[str, str]:
        names = {name.lower(): name for name in zoneinfo.available_timezones() - _NO_ZONE}
        return names | _WRITTEN | {name.lower(): zone for name, zone in win_tz.items()}

    def __call__(self, text: str) -> str | None:
        """The canonical name."""
        text = text.strip()
        if text.lower() in _UTC:
            return "UTC"
        found = self._names.get(text.lower()) or self._names.get(_SUMMER.sub(" Standard Time", text).lower())
        if found:
            return found
        offset = _OFFSET.fullmatch(text)
        if offset is None or int(offset[2]) > 15 or int(offset[3] or 0) > 59:
            return None
        return f"{'-' if offset[1] in '-−' else '+'}{int(offset[2]):02d}:{int(offset[3] or 0):02d}"


def offset_minutes(zone: str) -> int | None:
    """Minutes east of UTC of a fixed offset; None for a named zone."""
    if zone[0] not in "+-":
        return None
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes
