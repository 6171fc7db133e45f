"""Long-running commands: the API, and the worker that takes calls into the graph."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from api.cli.console import progress, say
from api.cli.options import Quiet, workspace

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(worker)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (TESSERA_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (TESSERA_PORT).")] = None,
) -> None:
    """Serve the API, and take collected calls into the graph now and then. The one process that writes the home."""
    import uvicorn

    from api.http.app import create_app
    from api.http.middleware import MOST_AT_ONCE
    from api.settings import load_settings
    from api.workspace import Workspace
    from graph.privacy import legal_basis

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    opened = Workspace.open(settings)
    legal_basis(settings.legal_basis)  # a wrong word is said here, in one line, not by the server's start-up
    with opened.home.writing("serve"):
        with opened.control():
            pass
        say(f"serving on http://{settings.host}:{settings.port}")
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,  # its lines hold raw paths, and so ids of people
            server_header=False,
            limit_concurrency=4 * MOST_AT_ONCE,  # connections, idle ones too; requests have a limit of their own
            timeout_graceful_shutdown=15,
        )


def worker(
    once: Annotated[bool, typer.Option("--once", help="Take what is waiting, then end.")] = False, quiet: Quiet = False
) -> None:
    """Take calls from Kafka (TESSERA_KAFKA) and the inbox into lake and graph, and fill audiences again that are due."""
    import signal
    import sys
    import threading

    from api import inbox, refreshing
    from api.audiences.due import Refiller, refilling
    from api.audiences.ground import HomeGround
    from api.http.logs import make_logger
    from api.pipeline import now

    opened = workspace()
    with opened.home.writing("worker"), opened.control() as control, progress(quiet) as show:
        if not once:
            stop = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            with (
                inbox.keeping(opened) as borrow,
                refilling(HomeGround(opened, control, borrow), now, make_logger(sys.stderr)),
                inbox.consuming(opened, stop),
            ):
                inbox.drain_for_ever(opened, borrow, show, stop)
            return
        # Ended early, by a signal, this is taken up by the next: what is committed in Kafka is on disk.
        if (stream := inbox.call_stream(opened)) is not None:
            with stream:
                taken = stream.take_waiting(show)
            say(f"took {taken.messages:,} messages from Kafka, {taken.empty:,} of them empty")
        say(f"took {inbox.drain(opened, opened.writable_store, show):,} files")
        with closing(refreshing.Refreshing(opened)) as following:
            following.follow(show)
        filled = Refiller(HomeGround(opened, control, opened.writable_store), now).round()
        say(f"filled {sum(version is not None for _, version in filled):,} audiences of {len(filled):,} that were due")
