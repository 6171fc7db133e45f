"""Every setting, read from the environment once, here and nowhere else. Names are `TESSERA_` and the field's name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.errors import SettingsError

__all__ = ["LOOPBACK", "Settings", "load_settings"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are this machine."""


class Settings(BaseSettings):
    """Settings of one process. Secrets never show in `repr`."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_", frozen=True, extra="ignore")

    home: Path = Field(Path("tessera-home"), description="folder of everything this deployment keeps")
    graph_url: SecretStr = Field(
        SecretStr("ladybug"),
        description="`ladybug` (embedded) or neo4j://user:password@host:7687; secret, since it holds a password",
    )
    control_url: SecretStr | None = Field(None, description="SQLAlchemy URL of the control store; SQLite in the home by default")
    key: SecretStr | None = Field(
        None, description="hashing key, 64 hexadecimal digits; made in the home at first use by default"
    )
    legal_basis: str = Field(
        "consent",
        description="basis for people without any consent record: `consent` releases nobody without one; "
        "or contract, legal_obligation, vital_interests, public_interest, legitimate_interest; a refusal beats each",
    )
    tcf_vendor: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="the operator's id in the IAB Global Vendor List, which consent strings must name; "
        "without one the operator counts as the publisher, and only their purposes are asked",
    )
    engine: Literal["duckdb"] = Field("duckdb", description="compute engine")
    host: str = Field("127.0.0.1", description="address that `tessera serve` listens on")
    port: int = Field(8000, ge=1, le=65535, description="port that `tessera serve` listens on")
    rate_limit_per_minute: int = Field(6000, ge=1, description="requests per minute and API key")
    subject_limit_per_minute: int = Field(
        60, ge=1, description="look-ups of one person, or of one id, per minute and tenant; against enumerating and averaging"
    )
    oidc_issuer: str | None = Field(
        None,
        description="OpenID Connect provider whose tokens are taken beside API keys: its issuer, by https; needs tessera[oidc]",
    )
    oidc_audience: str | None = Field(
        None, min_length=1, description="audience that such a token must name; needed with an issuer"
    )
    oidc_tenant_claim: str = Field("tenant", min_length=1, description="claim of such a token that names the tenant")
    oidc_scope_claim: str = Field(
        "scope",
        min_length=1,
        description="claim that lists scopes, as words of a text or as a list; unknown ones count for nothing",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="largest request body, in bytes")
    docs_enabled: bool = Field(True, description="serve the OpenAPI document and its page")
    page_enabled: bool = Field(True, description="serve the page at /")
    inbox_seconds: float = Field(60.0, gt=0, description="how often collected calls are taken into the graph, in seconds")
    kafka: str | None = Field(
        None,
        pattern=r"^([^\s,:/@]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}(,([^\s,:/@]+|\[[0-9A-Fa-f:.]+\]):\d{1,5})*$",
        description="Kafka brokers that `tessera worker` takes calls from, host:port[,host:port]; none by default",
    )
    kafka_topic: str = Field(
        "tessera-calls", pattern=r"^[A-Za-z0-9._-]{1,249}$", description="topic with one Segment call a message"
    )
    kafka_group: str | None = Field(
        None, min_length=1, max_length=249, description="consumer group; `tessera-` and the home's id by default"
    )
    kafka_properties: Path | None = Field(
        None, description="file of librdkafka client properties (TLS, SASL), `name = value` lines; may hold secrets"
    )
    memory_limit: str | None = Field(
        None,
        pattern=r"(?i)^\d+(\.\d+)? ?[KMGT]i?B$",
        description="DuckDB memory limit, such as 2GB; by default four fifths of the machine's",
    )
    taxonomy: str = Field(
        "",
        description="`iab-audience-1.1`, `iab-content-3.1`, or a file with tag_id, name, parent_id, sensitive; else labels' tags",
    )
    records: Path | None = Field(
        None,
        description="TOML file about comparing records: columns, ignore, kinds, blocking, caps; else all is chosen from the data",
    )
    text_model: str = Field(
        "auto", description="text encoder: `auto`, `minilm`, `use-multilingual`, or a transformers folder or hub name"
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_is_safe(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https:")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("must begin with https://; http:// is taken on this machine alone")
        return value

    @model_validator(mode="after")
    def _audience_is_said(self) -> Settings:
        if self.oidc_issuer is not None and self.oidc_audience is None:
            raise ValueError("TESSERA_OIDC_ISSUER needs TESSERA_OIDC_AUDIENCE: tokens for other services are no keys here")
        return self

    @field_validator("key")
    @classmethod
    def _key_is_hex(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                length = len(bytes.fromhex(value.get_secret_value()))
            except ValueError:
                length = 0
            if length != 32:
                raise ValueError("must be 64 hexadecimal digits")
        return value


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, `overrides` first. Raises SettingsError, naming the variable and never its value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if not first["loc"]:
            raise SettingsError(f"{first['msg'].removeprefix('Value error, ')}; correct or unset it") from None
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"TESSERA_{name}: {first['msg']}; correct or unset it") from None
