"""Tracking calls of the Segment spec (RudderStack speaks the same) to the input tables.

In: parsed calls (identify, track, page, screen, alias, group). Out: raw tables, which the cleaner takes like those of files, and
the calls that map to nothing. Each call may carry a device (`anonymousId`, with `context`), an account (`userId`) and an event:

identify   the account's columns from its traits, other traits kept; with both ids an event too: sign-in evidence. Unlike the
           rows of table files, which replace each other whole, calls merge: a trait that a later call leaves out stays.
track      an event of the call's name; page and screen are `page_view` and `screen_view`
alias      a relation `alias` between `previousId` (of unknown kind, which resolution decides) and the account
group      a relation `group` between the account, else the device, and the group
A `context.gpc` of true (the collector keeps the header Sec-GPC there) is an objection: a consents row for the device, and one for
the account, that refuses everything from the time of the call on.
The time is `timestamp`, else `originalTimestamp`, else `sentAt`. A call without `messageId` gets an id from its content, so that
delivering it again is the same event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from graph.ingest.batches import Rejected
from graph.ingest.read_jsonl import text_column, text_of
from graph.json_text import json_text
from graph.tables import TABLES

__all__ = ["MERGED", "tables"]

MERGED = frozenset({"accounts", "devices", "relations"})
"""Tables whose rows from calls merge with earlier ones."""
_TYPES = ("identify", "track", "page", "screen", "alias", "group")
_TRAITS = {
    "email": "email",
    "phone": "phone",
    "firstName": "given_name",
    "first_name": "given_name",
    "lastName": "family_name",
    "last_name": "family_name",
    "birthday": "birth_date",
    "gender": "gender",
    "createdAt": "created_at",
    "created_at": "created_at",
}
_ADDRESS = {"street": "street", "city": "city", "postalCode": "postcode", "postal_code": "postcode", "zip": "postcode"} | {
    "state": "region",
    "region": "region",
    "country": "country",
}
_KINDS = {"ios": "mobile", "android": "mobile", "tvos": "tv", "macos": "desktop", "windows": "desktop"}
# What a client or server adds to a call in transport: no part of what the call says.
_TRANSPORT = frozenset(
    {"messageId", "sentAt", "receivedAt", "originalTimestamp", "timestamp", "writeKey", "version", "_metadata", "integrations"}
)

Row = dict[str, Any]


def tables(
    calls: Sequence[Mapping[str, Any]], numbers: Iterable[int] | None = None
) -> tuple[dict[str, pa.Table], list[Rejected]]:
    """Raw tables by name, of text columns with `_row` (the call's number, from 1 unless given), `_as_of` and `_traits`; and the
    calls that map to nothing, with the reason."""
    found: dict[str, list[Row]] = {}
    rejected: list[Rejected] = []
    devices: dict[str, Row] = {}
    for number, call in zip(numbers if numbers is not None else range(1, len(calls) + 1), calls, strict=True):
        reason = _map(call, number, found, devices)
        if reason:
            rejected.append(Rejected("segment", number, reason, text_of(json_text(dict(call))) or ""))
    return {name: _table(name, rows) for name, rows in found.items()}, rejected


def _map(call: Mapping[str, Any], number: int, found: dict[str, list[Row]], devices: dict[str, Row]) -> str | None:
    kind = call.get("type")
    if kind not in _TYPES:
        return f"call type is none of {', '.join(_TYPES)}"
    context = _mapping(call, "context")
    device, account = text_of(call.get("anonymousId")), text_of(call.get("userId"))
    if not device and not account:
        return "call has neither anonymousId nor userId"
    at = next((call[c] for c in ("timestamp", "originalTimestamp", "sentAt") if call.get(c)), None)
    base: Row = {"_row": number, "_as_of": at}
    if context.get("gpc") is True:
        for subject_kind, subject_id in (("device", device), ("account", account)):
            if subject_id:
                refusal = {"subject_kind": subject_kind, "subject_id": subject_id, "gpc": True, "at": at}
                found.setdefault("consents", []).append({**base, **refusal})
    traits = _mapping(call, "traits")
    if kind == "alias":
        if not account or not call.get("previousId"):
            return "alias call without previousId or userId"
        ends = {"from_kind": "unknown", "from_id": call["previousId"], "to_kind": "account", "to_id": account}
        found.setdefault("relations", []).append({**base, **ends, "type": "alias", "at": at})
        return None
    if kind == "group":
        if not call.get("groupId"):
            return "group call without groupId"
        ends = {"from_kind": "account" if account else "device", "from_id": account or device}
        ends |= {"to_kind": "group", "to_id": call["groupId"]}
        found.setdefault("relations", []).append({**base, **ends, "type": "group", "at": at, "_traits": traits})
    if kind == "identify" and account:
        found.setdefault("accounts", []).append({**base, "account_id": account, **_account(traits)})
    if kind in ("track", "page", "screen") or (kind == "identify" and device and account):
        found.setdefault("events", []).append({**base, **_event(call, context, device, account), "at": at})
    if device:
        _device(device, context, base, found, devices)
    return None


def _event(call: Mapping[str, Any], context: Mapping[str, Any], device: str | None, account: str | None) -> Row:
    kind = call["type"]
    properties, page = _mapping(call, "properties"), _mapping(context, "page")
    title = properties.get("title") or page.get("title")
    if kind in ("page", "screen"):
        title = title or call.get("name") or properties.get("name")
    names = {"identify": "identify", "page": "page_view", "screen": "screen_view"}
    revenue = properties.get("revenue")
    return {
        "event_id": call.get("messageId") or _content_id(call),
        "device_id": device,
        "account_id": account,
        "type": names.get(kind) or call.get("event"),
        "ip": context.get("ip"),
        "url": properties.get("url") or page.get("url"),
        "title": title,
        "referrer": properties.get("referrer") or page.get("referrer"),
        "user_agent": context.get("userAgent"),
        "timezone": context.get("timezone"),
        "value": properties.get("value") if revenue is None else revenue,
        "currency": properties.get("currency"),
        "properties": json_text(properties) if properties else None,
        "_traits": {k: v for k, v in (("name", call.get("name")), ("category", call.get("category"))) if v},
    }


def _account(traits: Mapping[str, Any]) -> Row:
    row: Row = {}
    other = dict(traits)
    for trait, column in _TRAITS.items():
        if (value := other.pop(trait, None)) not in (None, ""):
            row.setdefault(column, value)
    address = traits.get("address")
    if isinstance(address, Mapping):
        rest = {k: v for k, v in address.items() if k not in _ADDRESS}
        other = {k: v for k, v in other.items() if k != "address"} | ({"address": rest} if rest else {})
        for part, column in _ADDRESS.items():
            if (value := address.get(part)) not in (None, ""):
                row.setdefault(column, value)
    return {**row, "_traits": other}


def _device(device: str, context: Mapping[str, Any], base: Row, found: dict[str, list[Row]], devices: dict[str, Row]) -> None:
    """A row for the device, unless this block of calls has said the same of it already."""
    hardware, system = _mapping(context, "device"), _mapping(context, "os")
    kind = str(hardware.get("type") or "").lower()
    said = {
        "kind": _KINDS.get(kind, kind) or None,
        "os": system.get("name"),
        "user_agent": context.get("userAgent"),
        "advertising_id": hardware.get("advertisingId"),
        "language": context.get("locale"),
        "timezone": context.get("timezone"),
        "_traits": {k: hardware[k] for k in ("manufacturer", "model", "name") if hardware.get(k)},
    }
    if devices.get(device) != said:
        devices[device] = said
        found.setdefault("devices", []).append({**base, "device_id": device, **said, "first_seen": base["_as_of"]})


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _content_id(call: Mapping[str, Any]) -> str:
    """Id of a call that has none: what it says, and when."""
    at = next((call[c] for c in ("timestamp", "originalTimestamp", "sentAt") if call.get(c)), None)
    said = {k: v for k, v in call.items() if k not in _TRANSPORT}
    return "call-" + hashlib.sha256(json.dumps([at, said], sort_keys=True, default=str).encode("utf-8")).hexdigest()[:32]


def _table(name: str, rows: list[Row]) -> pa.Table:
    columns: dict[str, pa.Array] = {
        column: text_column([row.get(column) for row in rows]) for column in (*TABLES[name].columns, "_as_of")
    }
    columns["_row"] = pa.array([row["_row"] for row in rows], pa.int64())
    traits = ({k: v for k, v in (row.get("_traits") or {}).items() if v is not None} for row in rows)
    columns["_traits"] = text_column([json_text(t) if t else None for t in traits])
    return pa.table({c: v for c, v in columns.items() if v.null_count < len(v) or c in ("_row", "_traits", "_as_of")})
