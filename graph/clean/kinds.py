"""What each known column holds, as far as cleaning goes: the kind names the rule of `graph.clean.cleaner`."""

from __future__ import annotations

__all__ = ["DEVICE_KINDS", "END_KINDS", "SUBJECT_KINDS", "kind_of"]

_KINDS: dict[str, tuple[str, ...]] = {
    "id": ("event_id", "device_id", "account_id", "content_id", "subject_id", "from_id", "to_id"),
    "tag": ("tag",),
    "time": ("at", "first_seen", "created_at"),
    "text": ("title", "text"),
    "name": ("given_name", "family_name"),
    "place": ("street", "city", "region"),
    "json": ("properties",),
    "list": ("category", "purposes"),
    "truth": ("gpc",),
    "zone": ("timezone",),
    "number": ("weight", "value"),
    "subject_kind": ("subject_kind",),
    "end_kind": ("from_kind", "to_kind"),
    "language": ("language", "lang"),
    **{k: (k,) for k in ("ip", "email", "phone", "advertising_id", "birth_date", "gender", "postcode", "country", "currency")},
}
_KIND_OF = {column: kind for kind, columns in _KINDS.items() for column in columns}

SUBJECT_KINDS = {kind: kind for kind in ("device", "account")}
END_KINDS = {kind: kind for kind in ("device", "account", "group", "unknown")}  # `unknown`: one side of an alias call
DEVICE_KINDS = {
    **{kind: kind for kind in ("desktop", "mobile", "tablet", "tv", "web", "app")},
    **dict.fromkeys(("phone", "smartphone", "mobile phone", "handset", "iphone", "ios", "android"), "mobile"),
    **dict.fromkeys(("pc", "computer", "laptop", "notebook", "personal computer"), "desktop"),
    **dict.fromkeys(("ipad", "android tablet"), "tablet"),
    **dict.fromkeys(("smart tv", "smarttv", "ctv", "connected tv", "set-top box", "television"), "tv"),
    **dict.fromkeys(("browser", "website"), "web"),
    **dict.fromkeys(("application", "mobile app", "in-app"), "app"),
}


def kind_of(table: str, column: str) -> str:
    """Kind of a known column; `word` where there is no rule of its own."""
    if (table, column) == ("devices", "kind"):
        return "device_kind"
    return _KIND_OF.get(column, "word")
