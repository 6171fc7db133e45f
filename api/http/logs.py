"""Log lines as JSON objects, one per request: request id, method, route template, status, duration, tenant. Never a raw
path, a parameter, a body, an identifier, or the message of an exception, since any of these may name a person."""

from __future__ import annotations

from typing import Any, TextIO

import structlog

__all__ = ["make_logger"]


def make_logger(stream: TextIO) -> Any:
    """A logger of its own, without any global set-up."""
    return structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        cache_logger_on_first_use=True,
    )
