"""The application: `create_app(settings)`. In: settings. Out: a FastAPI app that opens its stores when it starts.

It makes no global state: metrics, log and resources belong to the app, so that several can live in one process.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TextIO

from anyio.to_thread import run_sync
from fastapi import FastAPI

from api.http import documentation, errors
from api.http.field_names import FieldNames
from api.http.logs import make_logger
from api.http.metrics import Metrics
from api.http.middleware import Surround
from api.http.resources import Resources
from api.http.routers import (
    audiences,
    collector,
    consents,
    exports,
    health,
    identities,
    insights,
    persons,
    queries,
    recommendations,
    subgraphs,
)
from api.page import page_router
from api.settings import Settings

__all__ = ["create_app"]

_ROUTERS = (
    identities,
    persons,
    health,
    recommendations,
    insights,
    audiences,
    exports,
    subgraphs,
    queries,
    consents,
    collector,
)


def create_app(settings: Settings, *, log_stream: TextIO | None = None) -> FastAPI:
    """The application over one home. Raises nothing; what cannot be opened fails its start with a TesseraError.

    `log_stream` takes the JSON log lines; standard error by default.
    """
    metrics = Metrics()
    log = make_logger(log_stream or sys.stderr)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        resources = await run_sync(Resources.open, settings, metrics, log)
        app.state.resources = resources
        try:
            async with resources.followed():
                yield
        finally:
            await run_sync(resources.close)

    app = FastAPI(
        title="Tessera",
        version=version("tessera"),
        description=documentation.DESCRIPTION,
        openapi_tags=documentation.TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url="/docs" if settings.docs_enabled else None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
    )
    app.state.metrics = metrics
    documentation.use_document(app)
    errors.install(app, FieldNames(app.openapi))
    app.add_middleware(Surround, metrics=metrics, log=log, max_body_bytes=settings.max_body_bytes)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.include_router(page_router(enabled=settings.page_enabled))
    return app
