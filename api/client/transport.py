"""What the methods of the client share: a connection with a key, bodies and answers as models, failures as `ApiProblem`."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from api.http.schemas.base import ProblemBody
from graph.errors import MissingExtra

if TYPE_CHECKING:
    import httpx

__all__ = ["ApiProblem", "Transport", "in_path"]

V = TypeVar("V", bound=BaseModel)


class ApiProblem(Exception):
    """The API refused, or failed: status, the problem as it told it (None for what is none of its own), seconds to wait."""

    def __init__(self, status: int, problem: ProblemBody | None, retry_after_seconds: int | None) -> None:
        self.status = status
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds
        told = "no problem document" if problem is None else f"{problem.type}: {problem.detail} (request {problem.request_id})"
        super().__init__(f"{status} {told}")


def in_path(value: str) -> str:
    """A value as one part of a path."""
    return quote(value, safe="")


class Transport:
    """A connection to one API with one key. Use it in a `with` block, or close it."""

    def __init__(self, address: str, token: str, *, timeout_seconds: float = 60.0) -> None:
        """`address` as `http://host:8000`; `token` an API key's or an identity provider's. Raises MissingExtra."""
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtra("the client of the HTTP API", "client") from error
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_seconds)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _content(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: BaseModel | None = None,
    ) -> bytes:
        """The bytes of the answer. Raises ApiProblem, and httpx.TransportError where there is none."""
        sent = {name: value for name, value in (headers or {}).items() if value is not None}
        content = None
        if body is not None:
            content, sent["Content-Type"] = body.model_dump_json(exclude_none=True).encode(), "application/json"
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        answer = self._http.request(method, path, params=asked, headers=sent, content=content)
        if answer.status_code >= 300:
            raise _problem(answer)
        return answer.content

    def _model(self, model: type[V], method: str, path: str, **more: Any) -> V:
        """The answer as a model. Raises as `_content`."""
        return model.model_validate_json(self._content(method, path, **more))


def _problem(answer: httpx.Response) -> ApiProblem:
    wait = answer.headers.get("retry-after", "")
    try:
        problem = ProblemBody.model_validate_json(answer.content)
    except ValidationError:
        problem = None
    return ApiProblem(answer.status_code, problem, int(wait) if wait.isdecimal() else None)
