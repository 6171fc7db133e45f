"""A real Neo4j 5 community server on this machine, for development and tests: installed, configured, started, stopped.

With a Docker engine it is the image that docker-compose.yml names; without one, the jars from Maven Central on the
machine's Java. Its data, log and password lie in the home's `neo4j` folder.
"""

from graph.store.server.control import ServerStatus, import_full, start, status, stop

__all__ = ["ServerStatus", "import_full", "start", "status", "stop"]
