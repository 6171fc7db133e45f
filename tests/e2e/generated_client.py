"""`api/client/operations.py`, made from the OpenAPI document, so that the client cannot drift from the API.

`python -m tests.e2e.generated_client` writes it; `test_api_client_generated.py` fails where the file says otherwise.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import api.http.routers
import api.http.schemas
from api.http.app import create_app
from api.settings import Settings

__all__ = ["FILE", "document", "method_name", "render"]

FILE = Path(__file__).parents[2] / "api/client/operations.py"
_LEFT_OUT = {"If-None-Match"}
"""Parameters that the client has no use for: it keeps no answers."""
_HEAD = '''"""Every operation of the API as a method, made from its document by `python -m tests.e2e.generated_client`."""

from __future__ import annotations

from typing import Literal

from api.client.transport import Transport, in_path
IMPORTS

__all__ = ["Client"]


class Client(Transport):
    """One API with one key. Methods raise ApiProblem for every answer that is no success."""
'''


def document() -> dict[str, Any]:
    """The API's OpenAPI document."""
    return create_app(Settings()).openapi()


def method_name(operation_id: str) -> str:
    """`getPersonTags` is `get_person_tags`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", operation_id).lower()


def _places() -> dict[str, str]:
    """Module of each model, by name; those of `schemas` first."""
    found: dict[str, str] = {}
    for package in (api.http.schemas, api.http.routers):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if inspect.isclass(value) and issubclass(value, BaseModel) and value.__module__ == module.name:
                    found.setdefault(name, module.name)
    return found


def _type(schema: dict[str, Any], models: set[str]) -> str:
    """The Python type of a schema; `models` collects the models it names."""
    if "$ref" in schema:
        name = str(schema["$ref"].rpartition("/")[2])
        models.add(name)
        return name
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_type(one, models) for one in schema[word]))
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if schema.get("type") == "array":
        return f"list[{_type(schema['items'], models)}]"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}[schema["type"]]


def _operation(path: str, method: str, operation: dict[str, Any], models: set[str]) -> str:
    first, later, query, headers = ["self"], [], [], []
    for parameter in operation.get("parameters", []):
        name, kind = parameter["name"], _type(parameter["schema"], models)
        if name in _LEFT_OUT or parameter.get("deprecated"):
            continue
        python = name.lower().replace("-", "_")
        if parameter["in"] == "path":
            first.append(f"{python}: {kind}")
            continue
        needed = parameter.get("required")
        kind = kind if needed or kind.endswith("None") else f"{kind} | None"
        (later.insert(0, f"{python}: {kind}") if needed else later.append(f"{python}: {kind} = None"))
        (query if parameter["in"] == "query" else headers).append(f"{name!r}: {python}")
    more = ""
    if "requestBody" in operation:
        first.append(f"body: {_type(operation['requestBody']['content']['application/json']['schema'], models)}")
        more += ", body=body"
    more += f", query={{{', '.join(query)}}}" if query else ""
    more += f", headers={{{', '.join(headers)}}}" if headers else ""
    place = re.sub(r"\{(\w+)\}", r"{in_path(\1)}", path)
    call = f'"{method.upper()}", {"f" if "{" in place else ""}"{place}"{more}'
    (success,) = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    content = success.get("content", {})
    ref = content.get("application/json", {}).get("schema", {}) if len(content) == 1 else {}
    if "$ref" in ref:
        returns = _type(ref, models)
        line = f"return self._model({returns}, {call})"
    elif content:
        returns, line = "bytes", f"return self._content({call})"
    else:
        returns, line = "None", f"self._content({call})"
    arguments = ", ".join([*first, *(["*", *later] if later else [])])
    summary = operation["summary"].rstrip(".")
    closing = "" if summary[-1] in "?!" else "."
    name = method_name(operation["operationId"])
    return f'\n    def {name}({arguments}) -> {returns}:\n        """{summary}{closing}"""\n        {line}\n'


def render() -> str:
    """The text of the file."""
    models: set[str] = set()
    body = "".join(
        _operation(path, method, operation, models)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    )
    places = _places()
    by_module: dict[str, list[str]] = {}
    for model in sorted(models):
        by_module.setdefault(places[model], []).append(model)
    imports = "\n".join(f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items()))
    head = _HEAD.replace("IMPORTS", imports)
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    done = subprocess.run(command, input=head + body, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
