"""What all schemas share: strict bodies in, plain bodies out, problems, pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "Body",
    "Cursor",
    "Id",
    "Kind",
    "Moment",
    "ProblemBody",
    "Recipient",
    "View",
    "Violation",
    "either",
    "needs_one_of",
    "shown",
]

Kind = Literal["device", "account"]
Id = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Recipient = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_-]+$")]


_EXACT = 2**53
"""From here on a JSON number with a point stands for several whole numbers."""


def _whole(value: Any) -> Any:
    """Whole numbers as such: JSON has one kind of number, and 1.0 is 1."""
    if type(value) is float and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return [_whole(v) for v in value] if type(value) is list else value


class Body(BaseModel):
    """A request body: unknown fields are refused, and nothing is taken for a value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        return {k: _whole(v) for k, v in value.items()} if type(value) is dict else value


def _text_only(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and not value.isdecimal()):
        return value
    raise ValueError("Input should be a time as RFC 3339 writes it")


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text_only)]
"""A time of a body; pydantic by itself would take numbers too."""


def needs_one_of(*names: str) -> dict[str, Any]:
    """For the document: an object that lacks all of these fields, or has them null, is refused."""
    return {"anyOf": [_given(name) for name in names]}


def either(*names: str) -> dict[str, Any]:
    """For the document: an object has exactly one of these fields, and not as null."""
    return {"oneOf": [_given(name) for name in names]}


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


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
