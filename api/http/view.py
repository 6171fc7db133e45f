"""One state of the home, as the API sees it: a resolution with its look-ups, consents and gate, and the interests of a model.

A view never changes; when a stage has written something newer, another view is made beside it and takes its place whole. Only
consents given since are followed by every view, since a withdrawal holds from the next request on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb

from api.audiences.people import RulePeople
from api.audiences.sensitive_contents import SensitiveTexts
from api.http.identities import IdentityIndex
from api.http.interests import InterestIndex
from api.http.reasons import ReasonIndex
from api.http.recommendations import RecommendationIndex
from api.http.subgraph_tables import subgraph_snapshot
from api.pipeline import consents_of, now
from api.workspace import Workspace
from gnn import registry
from gnn.recommend.stored import Offer
from graph.control import Control
from graph.errors import NothingResolved
from graph.home import Home
from graph.interests import ABOUT
from graph.privacy import Gate
from graph.resolution import Resolution
from graph.resolve import IdentityLog, load
from graph.snapshot import Snapshot

if TYPE_CHECKING:
    from gnn.explain.reasons import Because

__all__ = ["State", "View", "current_state", "open_view"]


@dataclass(frozen=True)
class State:
    """What decides a view: the resolved version and the run that changed it last, the lake's last batch, the current model
    version and the number of its last refresh."""

    resolved: str
    batch: int
    model: str | None
    refreshed: int


@dataclass(frozen=True)
class View:
    """One state of the home, opened."""

    workspace: Workspace
    state: State
    resolution: Resolution
    identities: IdentityIndex
    aliases: dict[str, str]
    gate: Gate
    interests: InterestIndex
    people: RulePeople
    recommendations: RecommendationIndex
    reasons: ReasonIndex

    def person_id(self, given: str) -> str:
        """The living person behind an id: itself, or the survivor of a merge."""
        return self.aliases.get(given, given)

    def offers(self, person_id: str, k: int) -> list[Offer]:
        """Up to `k` contents for a living person; none for a shared device or a bot."""
        person = self.identities.person(person_id)
        if person.class_ != "person":
            return []
        ids = [person_id, *self._retired.get(person_id, ())]
        return self.recommendations.of_person(ids, [(m.kind, m.id) for m in person.members], k)

    def reason(self, person_id: str, tag_id: str) -> Because | None:
        """Why a living person has a tag; None for a shared device or a bot, and where there is no saying."""
        person = self.identities.person(person_id)
        if person.class_ != "person":
            return None
        return self.reasons.of_person([(m.kind, m.id) for m in person.members], tag_id)

    @cached_property
    def _retired(self) -> dict[str, list[str]]:
        """Ids that merges retired, by their survivor."""
        found: dict[str, list[str]] = {}
        for retired, living in self.aliases.items():
            found.setdefault(living, []).append(retired)
        return found

    @cached_property
    def snapshot(self) -> Snapshot:
        """What subgraphs are drawn from; made at the first question."""
        with self.workspace.connection() as connection:
            return subgraph_snapshot(connection, self.resolution, self.interests.table(), self.workspace.home.home_id)


def current_state(workspace: Workspace) -> State:
    """What a view would be made of now. Raises NothingResolved, HomeError."""
    _, version = _log(workspace.home)
    models = workspace.home.models
    return State(version, workspace.lake.last_batch(), _model(workspace.home), registry.last_refresh(models))


def open_view(workspace: Workspace, control: Control, before: View | None = None) -> View:
    """Read the newest state; what the view `before` holds of the same model is kept. Raises NothingResolved, HomeError,
    ModelError."""
    state = current_state(workspace)
    aliases, _ = _log(workspace.home)
    resolution = load(workspace.home)
    interests = InterestIndex.open(workspace.home.models, None if before is None else before.interests)
    consents = consents_of(workspace, resolution, control)

    def connect() -> duckdb.DuckDBPyConnection:
        return workspace.lake.connect(memory_limit=workspace.settings.memory_limit)

    model = interests.model
    sensitive = SensitiveTexts(interests.sensitive, lambda: ABOUT.empty_table() if model is None else model.about, connect)
    gate = Gate(consents, control, workspace.key, sensitive=sensitive, clock=now)
    recommendations = RecommendationIndex.open(
        interests.model,
        resolution,
        connect,
        key=workspace.key,
        last_batch=state.batch,
        before=None if before is None else before.recommendations,
    )
    reasons = ReasonIndex(workspace, interests.model, connect, None if before is None else before.reasons)
    people = RulePeople(resolution, connect, interests, now)
    identities = IdentityIndex(resolution)
    return View(workspace, state, resolution, identities, aliases, gate, interests, people, recommendations, reasons)


def _log(home: Home) -> tuple[dict[str, str], str]:
    try:
        with IdentityLog(home.identity, create=False) as log:
            run, version = log.state()
            aliases = log.aliases()
    except FileNotFoundError:
        version = None
        aliases = {}
    if version is None:
        raise NothingResolved(home.path, "resolved identities", "tessera resolve")
    return aliases, f"{version}/{run}"


def _model(home: Home) -> str | None:
    try:
        return (home.models / "current").read_text()
    except FileNotFoundError:
        return None
