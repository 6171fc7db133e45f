"""The client has a method for every operation of the document, as the document has it."""

from __future__ import annotations

import inspect

from api.client import Client
from tests.e2e.generated_client import FILE, document, method_name, render


def test_the_file_is_what_the_document_gives() -> None:
    message = "run `python -m tests.e2e.generated_client`"
    assert FILE.read_text(encoding="utf-8") == render(), message


def test_every_operation_has_a_method_with_its_parameters() -> None:
    operations = [operation for item in document()["paths"].values() for operation in item.values()]
    assert len(operations) >= 28
    for operation in operations:
        method = getattr(Client, method_name(operation["operationId"]))
        taken = inspect.signature(method).parameters
        for parameter in operation.get("parameters", []):
            if parameter["name"] != "If-None-Match" and not parameter.get("deprecated"):
                assert parameter["name"].lower().replace("-", "_") in taken
        assert ("body" in taken) == ("requestBody" in operation)
        assert method.__doc__
