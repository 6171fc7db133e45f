"""Subgraphs, named queries and consent records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from api.http.schemas.base import Body, Id, Kind, Moment, Recipient, View, needs_one_of, shown

__all__ = [
    "ConsentBody",
    "ConsentsBody",
    "ConsentsTaken",
    "QueryList",
    "QueryParameterView",
    "QueryRequest",
    "QueryResult",
    "QueryView",
    "SubgraphFormat",
    "SubgraphRequest",
]

SubgraphFormat = Literal["graphml", "gexf", "json", "cypher"]
_Consent = Annotated[str, StringConstraints(min_length=1, max_length=8192)]


class SubgraphRequest(Body):
    """Which part of the graph, told how, in which form."""

    model_config = shown({"audience_id": "aud-4be0643f1d98573b", "level": "class", "recipient": "board", "format": "graphml"})

    audience_id: Id | None = Field(None, description="the people to draw; without it, everybody")
    level: Literal["class", "person"] = Field(
        "class", description="what a node stands for: a class of people and things, or one, under a pseudonym of this release"
    )
    recipient: Recipient = Field(description="who gets it; pseudonyms differ between recipients")
    format: SubgraphFormat = "json"


class QueryParameterView(View):
    """A parameter of a named query."""

    name: str
    type: str
    required: bool
    summary: str


class QueryView(View):
    """A named query."""

    name: str
    summary: str
    parameters: list[QueryParameterView]
    columns: list[str]


class QueryList(View):
    """The named queries of this deployment."""

    items: list[QueryView]


class QueryRequest(Body):
    """Values of a query's parameters."""

    model_config = shown({"parameters": {"device_id": "d-7f31"}})

    parameters: dict[str, str | int | float | bool | AwareDatetime | list[str] | None] = Field(
        default_factory=dict, max_length=32
    )


class QueryResult(View):
    """Rows, each an object by column name; `truncated` where there were more than 10,000."""

    rows: list[dict[str, Any]]
    truncated: bool


class ConsentBody(Body):
    """What a subject said. Silence is no consent: purposes that are not listed are refused."""

    model_config = ConfigDict(json_schema_extra=needs_one_of("purposes", "tc_string", "gpp_string", "gpc"))

    subject_kind: Kind
    subject_id: Id
    at: Moment | None = Field(None, description="when; now where it is missing or still to come")
    purposes: list[Annotated[int, Field(ge=1, le=24)]] | None = Field(
        None, max_length=24, description="TCF purposes that are permitted; an empty list refuses everything"
    )
    tc_string: _Consent | None = None
    gpp_string: _Consent | None = None
    gpc: bool | None = Field(None, description="true where the subject objects by Global Privacy Control")

    @model_validator(mode="after")
    def _says_something(self) -> ConsentBody:
        if self.purposes is None and self.tc_string is None and self.gpp_string is None and self.gpc is None:
            raise ValueError("a consent record needs purposes, tc_string, gpp_string or gpc")
        return self


class ConsentsBody(Body):
    """Consent records, taken all or none."""

    model_config = shown({"consents": [{"subject_kind": "account", "subject_id": "user-19", "purposes": [1, 3, 4, 9]}]})

    consents: list[ConsentBody] = Field(min_length=1, max_length=1000)


class ConsentsTaken(View):
    """The records are in the log and in force."""

    recorded: int
