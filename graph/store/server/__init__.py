"""A real Neo4j 5 community server on this machine, for development and tests: installed, configured, started, stopped.

With a Docker engine it is the image that docker-compose.yml names; without one, the jars from Maven Central on the
machine's Java. Its data, log and password lie in the home's `neo4j` folder.
"""

from graph.store.server.control import ServerStatus, holds_data, import_full, start, start_again, status, stop
from graph.store.server.ready import driver_module

__all__ = ["ServerStatus", "driver_module", "holds_data", "import_full", "start", "start_again", "status", "stop"]
