"""`serve(settings)`: the application on a socket, by uvicorn, until it is told to stop.

uvicorn's access log stays off, since it writes raw paths, and those hold identifiers; the application logs by route template.
"""

from __future__ import annotations

import uvicorn

from api.http.app import create_app
from api.settings import Settings
from api.workspace import Workspace
from graph.privacy import legal_basis

__all__ = ["serve"]

_AT_ONCE = 512
"""Threat: memory and threads of a flood. Unit: connections and requests at once; more get 503."""
_SHUTDOWN_SECONDS = 15


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. The caller holds the home's writer lock (`Home.writing`), where the store is embedded.

    Raises HomeError, SettingsError, ControlUnavailable, MissingExtra for what can be told before the start; SystemExit where the
    address cannot be listened on, of which uvicorn says why.
    """
    with Workspace.open(settings).control():  # told here in one line, not as the start's traceback
        legal_basis(settings.legal_basis)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
