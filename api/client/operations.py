"""Every operation of the API as a method, made from its document by `python -m tests.e2e.generated_client`."""

from __future__ import annotations

from typing import Literal

from api.client.transport import Transport, in_path
from api.http.routers.health import Alive, Ready
from api.http.schemas.audiences import (
    AudiencePage,
    AudienceVersionPage,
    AudienceVersionView,
    AudienceView,
    ExportRequest,
    ExportView,
    LookalikeAudience,
    MemberPage,
    Reach,
    RuleAudience,
)
from api.http.schemas.collector import Alias, Batch, Collected, Group, Identify, Page, Screen, Track
from api.http.schemas.identities import ExplanationView, IdentityView, PersonTags, PersonView, TagPage, TagReason
from api.http.schemas.insights import AudienceInsights, OverlapRequest, Overlaps, SeedReportRequest, SeedReportView
from api.http.schemas.operations import ConsentsBody, ConsentsTaken, QueryList, QueryRequest, QueryResult, SubgraphRequest
from api.http.schemas.recommendations import PersonRecommendations

__all__ = ["Client"]


class Client(Transport):
    """One API with one key. Methods raise ApiProblem for every answer that is no success."""

    def explain_identity(
        self,
        kind: Literal["device", "account"],
        id: str,
        *,
        to_kind: Literal["device", "account"] | None = None,
        to_id: str | None = None,
    ) -> ExplanationView:
        """Why two are, or are not, one person; why one belongs to its person."""
        return self._model(
            ExplanationView,
            "GET",
            f"/v1/identities/{in_path(kind)}/{in_path(id)}/why",
            query={"to_kind": to_kind, "to_id": to_id},
        )

    def get_identity(self, kind: Literal["device", "account"], id: str) -> IdentityView:
        """The person behind a device or account."""
        return self._model(IdentityView, "GET", f"/v1/identities/{in_path(kind)}/{in_path(id)}")

    def get_person(self, person_id: str) -> PersonView:
        """A person and what belongs to them."""
        return self._model(PersonView, "GET", f"/v1/persons/{in_path(person_id)}")

    def get_person_tags(self, person_id: str, *, min_probability: float | None = None, limit: int | None = None) -> PersonTags:
        """A person's interests."""
        return self._model(
            PersonTags,
            "GET",
            f"/v1/persons/{in_path(person_id)}/tags",
            query={"min_probability": min_probability, "limit": limit},
        )

    def explain_person_tag(self, person_id: str, tag_id: str) -> TagReason:
        """Why a person has a tag."""
        return self._model(TagReason, "GET", f"/v1/persons/{in_path(person_id)}/tags/{in_path(tag_id)}/why")

    def list_tags(self, *, limit: int | None = None, cursor: str | None = None) -> TagPage:
        """The taxonomy."""
        return self._model(TagPage, "GET", "/v1/tags", query={"limit": limit, "cursor": cursor})

    def healthz(self) -> Alive:
        """Is the process alive?"""
        return self._model(Alive, "GET", "/healthz")

    def readyz(self) -> Ready:
        """Can it serve?"""
        return self._model(Ready, "GET", "/readyz")

    def metrics(self) -> bytes:
        """Prometheus metrics."""
        return self._content("GET", "/metrics")

    def get_person_recommendations(self, person_id: str, *, k: int | None = None) -> PersonRecommendations:
        """Contents for a person."""
        return self._model(PersonRecommendations, "GET", f"/v1/persons/{in_path(person_id)}/recommendations", query={"k": k})

    def report_seeds(self, body: SeedReportRequest) -> SeedReportView:
        """How good seeds are for a lookalike."""
        return self._model(SeedReportView, "POST", "/v1/audiences/seed-report", body=body)

    def compare_audiences(self, body: OverlapRequest) -> Overlaps:
        """Whom audiences share."""
        return self._model(Overlaps, "POST", "/v1/audiences/overlap", body=body)

    def get_audience_insights(
        self, audience_id: str, *, of: Literal["tags", "attributes", "contents"] | None = None, limit: int | None = None
    ) -> AudienceInsights:
        """What an audience has more than everybody."""
        return self._model(
            AudienceInsights, "GET", f"/v1/audiences/{in_path(audience_id)}/insights", query={"of": of, "limit": limit}
        )

    def create_audience(self, body: RuleAudience | LookalikeAudience, *, idempotency_key: str | None = None) -> AudienceView:
        """Make an audience."""
        return self._model(AudienceView, "POST", "/v1/audiences", body=body, headers={"Idempotency-Key": idempotency_key})

    def list_audiences(self, *, limit: int | None = None, cursor: str | None = None) -> AudiencePage:
        """The tenant's audiences."""
        return self._model(AudiencePage, "GET", "/v1/audiences", query={"limit": limit, "cursor": cursor})

    def dry_run_audience(self, body: RuleAudience | LookalikeAudience) -> Reach:
        """How many people a definition reaches."""
        return self._model(Reach, "POST", "/v1/audiences/dry-run", body=body)

    def get_audience(self, audience_id: str) -> AudienceView:
        """One audience."""
        return self._model(AudienceView, "GET", f"/v1/audiences/{in_path(audience_id)}")

    def replace_audience(self, audience_id: str, body: RuleAudience | LookalikeAudience) -> AudienceView:
        """Define an audience anew."""
        return self._model(AudienceView, "PUT", f"/v1/audiences/{in_path(audience_id)}", body=body)

    def delete_audience(self, audience_id: str) -> None:
        """Delete an audience."""
        self._content("DELETE", f"/v1/audiences/{in_path(audience_id)}")

    def refresh_audience(self, audience_id: str) -> AudienceVersionView:
        """Fill an audience again."""
        return self._model(AudienceVersionView, "POST", f"/v1/audiences/{in_path(audience_id)}/refresh")

    def list_audience_versions(
        self, audience_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> AudienceVersionPage:
        """An audience's versions."""
        return self._model(
            AudienceVersionPage, "GET", f"/v1/audiences/{in_path(audience_id)}/versions", query={"limit": limit, "cursor": cursor}
        )

    def create_export(self, audience_id: str, body: ExportRequest, *, idempotency_key: str | None = None) -> ExportView:
        """Release an audience as a file."""
        return self._model(
            ExportView,
            "POST",
            f"/v1/audiences/{in_path(audience_id)}/exports",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )

    def download_export(
        self,
        audience_id: str,
        export_id: str,
        *,
        format: Literal["csv", "jsonl", "parquet", "openrtb", "google", "meta", "tiktok", "uid2"] | None = None,
        segment: list[str] | None = None,
    ) -> bytes:
        """Fetch the file of a release."""
        return self._content(
            "GET",
            f"/v1/audiences/{in_path(audience_id)}/exports/{in_path(export_id)}",
            query={"format": format, "segment": segment},
        )

    def list_members(
        self, audience_id: str, *, recipient: str, limit: int | None = None, cursor: str | None = None
    ) -> MemberPage:
        """A page of an audience, as pseudonyms."""
        return self._model(
            MemberPage,
            "GET",
            f"/v1/audiences/{in_path(audience_id)}/members",
            query={"recipient": recipient, "limit": limit, "cursor": cursor},
        )

    def create_subgraph(self, body: SubgraphRequest) -> bytes:
        """Release a part of the graph."""
        return self._content("POST", "/v1/subgraphs", body=body)

    def list_queries(self) -> QueryList:
        """The named queries."""
        return self._model(QueryList, "GET", "/v1/queries")

    def run_query(self, name: str, body: QueryRequest) -> QueryResult:
        """Run a named query."""
        return self._model(QueryResult, "POST", f"/v1/queries/{in_path(name)}", body=body)

    def record_consents(self, body: ConsentsBody, *, idempotency_key: str | None = None) -> ConsentsTaken:
        """Record consents and refusals."""
        return self._model(ConsentsTaken, "POST", "/v1/consents", body=body, headers={"Idempotency-Key": idempotency_key})

    def collect_batch(self, body: Batch, *, sec_gpc: str | None = None) -> Collected:
        """Take many calls at once."""
        return self._model(Collected, "POST", "/v1/batch", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_track(self, body: Track, *, sec_gpc: str | None = None) -> Collected:
        """Somebody did something."""
        return self._model(Collected, "POST", "/v1/track", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_identify(self, body: Identify, *, sec_gpc: str | None = None) -> Collected:
        """Who somebody is."""
        return self._model(Collected, "POST", "/v1/identify", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_page(self, body: Page, *, sec_gpc: str | None = None) -> Collected:
        """Somebody looked at a page."""
        return self._model(Collected, "POST", "/v1/page", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_screen(self, body: Screen, *, sec_gpc: str | None = None) -> Collected:
        """Somebody looked at a screen of an app."""
        return self._model(Collected, "POST", "/v1/screen", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_alias(self, body: Alias, *, sec_gpc: str | None = None) -> Collected:
        """Two ids are one person."""
        return self._model(Collected, "POST", "/v1/alias", body=body, headers={"Sec-GPC": sec_gpc})

    def collect_group(self, body: Group, *, sec_gpc: str | None = None) -> Collected:
        """Somebody belongs to a group."""
        return self._model(Collected, "POST", "/v1/group", body=body, headers={"Sec-GPC": sec_gpc})
