"""A definition as kept, and as given. In: what POST /v1/audiences takes. Out: what the control store keeps; and back.

The privacy gate finds tags and audiences in what is kept wherever they stand as texts, and takes a whole number for a tag's id.
Numbers are therefore kept as decimals, contents as `content:ID`, and listed seeds apart: none of them can be mistaken for a tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from api.http.schemas.audiences import LookalikeAudience, NewAudience, RuleAudience
from api.http.schemas.insights import SeedReportRequest
from graph.control import SEEDS, Audience, AudienceKind, Definition
from graph.errors import InputError

__all__ = ["CONTENT_PREFIX", "AnyAudience", "as_given", "as_kept", "listed_seeds", "read_definition"]

AnyAudience = RuleAudience | LookalikeAudience

CONTENT_PREFIX = "content:"
"""How a content's id begins in what is kept."""

_DEFINITION: TypeAdapter[AnyAudience] = TypeAdapter(NewAudience)


def read_definition(document: object) -> AnyAudience:
    """A definition from a document. Raises InputError, which says where it does not fit and why."""
    try:
        return _DEFINITION.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(f"audience definition: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def as_kept(definition: AnyAudience) -> Definition:
    """What the control store keeps of it."""
    written = definition.model_dump(mode="json", exclude={"name", "kind", "seeds", "refresh_every"}, exclude_none=True)
    hours = definition.refresh_hours()
    return Definition(
        definition.name,
        AudienceKind(definition.kind),
        _mapped(written, _decimal, lambda content: CONTENT_PREFIX + content),
        listed_seeds(definition),
        None if hours is None else timedelta(hours=hours),
    )


def as_given(audience: Audience, seeds: pa.Table | None) -> AnyAudience:
    """The definition of a kept audience and its listed seeds. Raises InputError for one that no longer fits."""
    given = _mapped(audience.definition, lambda number: number, lambda content: content.removeprefix(CONTENT_PREFIX))
    document = {"kind": audience.kind.value, "name": audience.name, **given}
    if seeds is not None:
        document["seeds"] = seeds.to_pylist()
    if audience.refresh_every is not None:
        document["refresh_every"] = audience.refresh_every // timedelta(hours=1)
    return read_definition(document)


def listed_seeds(definition: AnyAudience | SeedReportRequest) -> pa.Table | None:
    """Listed seeds, after `SEEDS`; None where there is no list."""
    if isinstance(definition, RuleAudience) or definition.seeds is None:
        return None
    return pa.table([[s.kind for s in definition.seeds], [s.id for s in definition.seeds]], schema=SEEDS)


def _mapped(value: Any, number: Callable[[Any], Any], content: Callable[[str], str]) -> Any:
    """The same JSON with other numbers and names of contents."""
    if isinstance(value, Mapping):
        return {
            key: [content(c) for c in inner] if key == "contents" else _mapped(inner, number, content)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_mapped(inner, number, content) for inner in value]
    return number(value)


def _decimal(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
