"""Messages to lines of an inbox file. In: the bytes of one message. Out: one line for ingest, or nothing where it has no content.

What is JSON stays as it is, on one line. A call without any time takes the message's own, as the collector does with the time
at which it got a call. What is no JSON goes into the file too, for ingest to quarantine: text as it is, or as a JSON string if it
has several lines; other bytes as base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["line_of"]

_TIMES = ("timestamp", "originalTimestamp", "sentAt")


def line_of(value: bytes | None, milliseconds: int | None, name: Callable[[], str]) -> bytes | None:
    """One line with its end, or None for a message without content.

    `milliseconds` is the message's time since 1970, if it has one. `name` gives the id of a call that has neither id nor time:
    it must be the same whenever this message is delivered and no other message's, for what was sent twice happened twice.
    """
    if value is None:
        return None
    try:
        text = value.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return json.dumps("base64:" + base64.b64encode(value).decode("ascii")).encode() + b"\n"
    if not text:
        return None
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        whole = text if "\n" not in text else json.dumps(text, ensure_ascii=False)
        return whole.encode() + b"\n"
    if isinstance(call, dict) and milliseconds is not None and not any(call.get(time) for time in _TIMES):
        at = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
        call = {"messageId": name()} | {k: v for k, v in call.items() if v or k != "messageId"} | {"timestamp": at}
        text = json.dumps(call, separators=(",", ":"))
    # Between its tokens JSON may have line ends, inside a string it has none: what it says stays the same.
    return text.replace("\n", " ").encode() + b"\n"
