"""The page at `/`: static files without data, a plain client of the HTTP API."""

from api.page.router import page_router

__all__ = ["page_router"]
