"""What all schemas share: strict bodies in, plain bodies out, problems, pages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Body", "Cursor", "Id", "Kind", "ProblemBody", "Recipient", "View", "Violation", "shown"]

Kind = Literal["device", "account"]
Id = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Recipient = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_-]+$")]


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def shown(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with an example."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class View(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


class Violation(View):
    """One thing in a request that does not fit."""

    where: str = Field(examples=["body.name"])
    problem: str = Field(examples=["Field required"])


class ProblemBody(View):
    """A failure, as RFC 9457 has it."""

    type: str = Field(examples=["urn:tessera:problem:not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is nothing here that this key may see."])
    request_id: str = Field(examples=["5f0c1b8e9a3d4c7e8b6a1f2d"])
    errors: list[Violation] | None = Field(None, description="what does not fit, for invalid requests")
    extra: str | None = Field(None, description="the optional part to install, where one is missing")
