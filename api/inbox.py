"""From the collector's inbox into the graph: collected calls become lake rows, the lake is resolved again, the graph follows.

A file leaves the inbox after the graph holds what it says; a kill on the way takes it again, which changes nothing twice.
Beside the collector, calls come into the inbox from Kafka (`graph.stream`), where the settings name one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

import structlog

from api import pipeline
from api.following import Following
from api.refreshing import Refreshing
from api.workspace import Workspace
from graph.errors import TesseraError
from graph.progress import Progress, ignore_progress
from graph.store.protocol import GraphStore
from graph.stream import CallStream, StreamOptions, read_properties

__all__ = ["call_stream", "consuming", "drain", "drain_for_ever", "draining", "keeping"]

_FLUSH_SECONDS = 30.0
"""Between two times that the graph is made durable while calls keep coming; after a kill it is loaded again from the lake."""

Borrow = Callable[[], AbstractContextManager[GraphStore]]
"""Lends the graph store for the length of a block."""


def drain(workspace: Workspace, borrow: Borrow, progress: Progress = ignore_progress, following: Following | None = None) -> int:
    """Take what is waiting; gives the number of files. The home's writer lock is the caller's. `following`: that of earlier
    rounds with the same store; what it has not made durable yet is its caller's to flush. Raises TesseraError."""
    folder = workspace.home.path / "inbox"
    waiting = sorted(folder.glob("*.segment.jsonl")) if folder.exists() else []
    if not waiting:
        return 0
    # What arrives from here on is taken by the next round; taken too early by this one, it is taken again and says nothing new.
    pipeline.take(workspace, folder, progress)
    alone = following is None
    following = following or Following(workspace)
    with borrow() as store:
        following.bring_up_to_date(store, progress)
        if alone:
            following.flush(store)
    for file in waiting:
        file.unlink()
    return len(waiting)


def drain_for_ever(workspace: Workspace, borrow: Borrow, progress: Progress, stop: threading.Event | None = None) -> None:
    """Drain again and again, `inbox_seconds` apart, until `stop` is set, and let tags follow. A store that is away is tried again
    the next time."""
    stop = stop or threading.Event()
    log = structlog.get_logger()
    following = Following(workspace)
    flushed, behind = time.monotonic(), True
    with closing(Refreshing(workspace)) as refreshing:
        while not stop.wait(workspace.settings.inbox_seconds):
            try:
                idle = not drain(workspace, borrow, progress, following)
                if behind := behind or not idle:
                    behind = not _refreshed(refreshing, progress, log)
                if following.unflushed and (idle or time.monotonic() - flushed >= _FLUSH_SECONDS):
                    with borrow() as store:
                        following.flush(store)
                    flushed = time.monotonic()
            except TesseraError as error:
                # What could not be done is still in inbox and lake; the next round does it.
                log.warning("inbox not taken", error=type(error).__name__)
    if not following.unflushed:
        return
    try:
        with borrow() as store:
            following.flush(store)
    except TesseraError as error:
        # The identity log says that the graph may lack something; whoever follows next loads it whole.
        log.warning("graph not flushed", error=type(error).__name__)


def _refreshed(refreshing: Refreshing, progress: Progress, log: Any) -> bool:
    """Score again whom new calls touch. Tags that cannot follow must not stop the calls: the next round tries again."""
    try:
        refreshing.follow(progress)
    except TesseraError as error:
        log.warning("tags not refreshed", error=type(error).__name__)
        return False
    return True


@contextmanager
def keeping(workspace: Workspace) -> Iterator[Borrow]:
    """Lends one graph store while the block runs, to one writer at a time: opened at its first use, it takes many small changes
    in milliseconds."""
    with ExitStack() as opened:
        kept: list[GraphStore] = []
        lending = threading.Lock()

        @contextmanager
        def borrow() -> Iterator[GraphStore]:
            with lending:
                if not kept:
                    kept.append(opened.enter_context(workspace.store(read_only=False, live=True)))
                yield kept[0]

        yield borrow


@contextmanager
def draining(workspace: Workspace, borrow: Borrow) -> Iterator[None]:
    """Drain in a thread of its own while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(
        target=drain_for_ever, args=(workspace, borrow, ignore_progress, stop), name="inbox-worker", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


def call_stream(workspace: Workspace) -> CallStream | None:
    """The connected stream of calls that the settings name; None where they name none. Raises MissingExtra, SettingsError,
    StreamUnavailable, StreamRefused."""
    settings, home = workspace.settings, workspace.home
    if settings.kafka is None:
        return None
    member = f"tessera-{home.home_id}"
    options = StreamOptions(
        brokers=settings.kafka,
        topic=settings.kafka_topic,
        group=settings.kafka_group or member,
        member=member,
        properties={} if settings.kafka_properties is None else read_properties(settings.kafka_properties),
    )
    return CallStream(options, home.path / "inbox")


@contextmanager
def consuming(workspace: Workspace, stop: threading.Event) -> Iterator[None]:
    """Take the stream's calls into the inbox in a thread of its own while the block runs. Sets `stop` when the stream ends by
    itself, and raises its error after the block; whatever ends the block, what was taken is committed first."""
    stream = call_stream(workspace)
    if stream is None:
        yield
        return
    with stream, ThreadPoolExecutor(1, thread_name_prefix="kafka") as threads:
        ended = threads.submit(stream.run, stop)
        ended.add_done_callback(lambda _: stop.set())
        try:
            yield
        finally:
            stop.set()
        ended.result()
