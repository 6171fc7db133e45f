"""The addresses: each router parses, calls, shapes; no query text and no model code in them."""

from api.http.routers import audiences, collector, consents, exports, health, identities, persons, queries, subgraphs

__all__ = ["ROUTERS"]

ROUTERS = (
    health.router,
    identities.router,
    persons.router,
    audiences.router,
    exports.router,
    subgraphs.router,
    queries.router,
    consents.router,
    collector.router,
)
