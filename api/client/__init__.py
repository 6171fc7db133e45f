"""A typed client of the HTTP API: one method for each operation, with the models that the server itself answers with."""

from api.client.operations import Client
from api.client.transport import ApiProblem

__all__ = ["ApiProblem", "Client"]
