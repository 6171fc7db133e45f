"""Overload and huge bodies, at the level of ASGI: refused at once, without reading, and what is under way is not disturbed."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

from api.http.logs import make_logger
from api.http.metrics import Metrics
from api.http.middleware import Surround

LIMIT = 1_048_576
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def _read_all(scope: dict[str, Any], receive: Receive, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def surround(app: Any, **more: Any) -> Surround:
    return Surround(app, metrics=Metrics(), log=make_logger(io.StringIO()), max_body_bytes=LIMIT, **more)


async def ask(
    app: Any, receive: Receive, path: str = "/x", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, Any, Any]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    await app(scope, receive, send)
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body) if body else None


async def empty() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def test_a_hundred_megabytes_are_refused_without_reading() -> None:
    async def never() -> dict[str, Any]:
        raise AssertionError("it was read")

    declared = ((b"content-length", str(100 * 1024 * 1024).encode()),)
    status, _, body = asyncio.run(ask(surround(_read_all), never, headers=declared))
    assert (status, body["type"]) == (413, "urn:tessera:problem:too-large")


def test_of_a_body_without_a_length_no_more_is_read_than_the_limit() -> None:
    from starlette.exceptions import HTTPException

    taken = 0

    async def endless() -> dict[str, Any]:
        nonlocal taken
        taken += 65_536
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def refusing(scope: dict[str, Any], receive: Receive, send: Any) -> None:
        try:
            await _read_all(scope, receive, send)
        except HTTPException as error:  # as the framework does
            await send({"type": "http.response.start", "status": error.status_code, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    status, _, _ = asyncio.run(ask(surround(refusing), endless))
    assert status == 413
    assert taken <= LIMIT + 65_536


def test_more_requests_than_it_can_do_are_refused_and_the_others_end_well() -> None:
    async def run() -> tuple[list[int], list[tuple[int, Any, Any]], int, int]:
        going = asyncio.Event()

        async def slow(scope: dict[str, Any], receive: Receive, send: Any) -> None:
            if scope["path"] == "/slow":
                await going.wait()
            await _read_all(scope, receive, send)

        app = surround(slow, most_at_once=10)
        waiting = [asyncio.create_task(ask(app, empty, "/slow")) for _ in range(10)]
        await asyncio.sleep(0)
        refused = [await ask(app, empty) for _ in range(50)]
        alive, _, _ = await ask(app, empty, "/healthz")
        going.set()
        ended = [(await task)[0] for task in waiting]
        afterwards, _, _ = await ask(app, empty)
        return ended, refused, alive, afterwards

    ended, refused, alive, afterwards = asyncio.run(run())
    assert ended == [200] * 10
    assert (alive, afterwards) == (200, 200)
    for status, headers, body in refused:
        assert (status, headers[b"retry-after"], body["type"]) == (503, b"1", "urn:tessera:problem:busy")
