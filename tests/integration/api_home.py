"""A small real home for the tests of the HTTP API: 1,500 people with a device and an account each, resolved by the real stage.

Planted: who consents, who refuses, who never said anything, a shared device, interests, and personal data that must never show
in a log. Ids carry words that a search of logs and metrics can find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from api.settings import Settings
from api.workspace import Workspace
from gnn.features.population import population
from gnn.recommend import fit_recommender
from gnn.recommend.stored import recommender_files
from gnn.registry import current, save
from graph.control import Scope
from graph.home import Home
from graph.interests import ABOUT
from graph.interests import TAGS as INTEREST_TAGS
from graph.project import snapshot
from graph.resolve import load, resolve
from graph.snapshot import Snapshot

PEOPLE = 1500
REFUSING = range(40)
SILENT = range(40, 80)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ODD = "odd/id with space"
ENDING = "ends/in/why"
UNKNOWN = 1350  # whom the recommender does not know
COUNTRIES = ("DE", "FR", "JP")
TAGS = ("cycling", "health/cancer", "reading", "running")


def device(n: int) -> str:
    return f"planted-device-{n:04d}"


def account(n: int) -> str:
    return f"planted-account-{n:04d}"


def email(n: int) -> str:
    return f"planted.{n:04d}@example.org"


@dataclass(frozen=True)
class Planted:
    """The home, and keys of its tenants: `full` and `foreign` hold every scope, `narrow[scope]` all but that one."""

    home: Path
    full: str
    foreign: str
    narrow: dict[Scope, str]
    collector: str


def probabilities() -> np.ndarray:
    """People × tags; running is likely for every second of them."""
    rng = np.random.default_rng(7)
    matrix = rng.uniform(0.0, 0.4, (PEOPLE, len(TAGS))).astype(np.float32)
    matrix[::2, TAGS.index("running")] += 0.5
    matrix[::3, TAGS.index("health/cancer")] = 0.95
    return matrix


def fill_lake(workspace: Workspace) -> None:
    n = range(PEOPLE)
    at = [NOW - timedelta(minutes=i) for i in n]
    lake = workspace.lake
    lake.append(
        "accounts",
        pa.table(
            {
                "account_id": [*(account(i) for i in n), ODD, ENDING],
                "source": ["crm"] * PEOPLE + ["web"] * 2,
                "email": [*(email(i) for i in n), None, None],
                "country": [COUNTRIES[i % 3] for i in range(PEOPLE + 2)],
                "region": [f"region {i % 7}" for i in range(PEOPLE + 2)],
            }
        ),
    )
    lake.append(
        "devices",
        pa.table(
            {
                "device_id": [device(i) for i in n],
                "kind": [("mobile", "desktop")[i % 2] for i in n],
                "os": [("Android", "Windows")[i % 2] for i in n],
                "browser": ["Firefox"] * PEOPLE,
            }
        ),
    )
    lake.append(
        "events",
        pa.table(
            {
                "event_id": [f"event-{i}-{j}" for i in n for j in range(2)],
                "at": pa.array([t + timedelta(seconds=j) for t in at for j in range(2)], pa.timestamp("us", "UTC")),
                "device_id": [device(i) for i in n for _ in range(2)],
                "account_id": [account(i) for i in n for _ in range(2)],
                "type": ["page"] * (2 * PEOPLE),
                "content_id": [f"content-{(i + j) % 50}" for i in n for j in range(2)],
                "ip": [f"203.0.113.{i % 200 + 1}" for i in n for _ in range(2)],
            }
        ),
    )
    asked = [i for i in n if i not in SILENT]
    allowed = ["1", "3", "4", "9"]
    lake.append(
        "consents",
        pa.table(
            {
                "subject_kind": ["account"] * (len(asked) + 2),
                "subject_id": [*(account(i) for i in asked), ODD, ENDING],
                "purposes": pa.array(
                    [*([] if i in REFUSING else allowed for i in asked), allowed, allowed], pa.list_(pa.string())
                ),
                "at": pa.array([NOW - timedelta(days=30)] * (len(asked) + 2), pa.timestamp("us", "UTC")),
            }
        ),
    )


def plant_interests(workspace: Workspace) -> None:
    """A model version: the planted probabilities, embeddings in which a tag's people lie close together, and a recommender of
    everybody but those who refused and the one that it does not know."""
    home = workspace.home
    members = load(home).members
    person = dict(zip(members["id"].to_pylist(), members["person_id"].to_pylist(), strict=True))
    matrix = probabilities()
    vectors = matrix - matrix.mean(axis=0) + np.random.default_rng(8).normal(0, 0.05, matrix.shape).astype(np.float32)
    save(
        home.models,
        person_ids=pa.array([person[device(i)] for i in range(PEOPLE)], pa.string()),
        tags=pa.Table.from_pylist(
            [{"tag_id": t, "name": t, "taxonomy": "labels", "sensitive": t.startswith("health/")} for t in TAGS],
            schema=INTEREST_TAGS,
        ),
        probabilities=matrix,
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        about=ABOUT.empty_table(),
        metrics={},
        notes=(),
        as_of=NOW,
        details={},
        extras=recommender(workspace, pa.array([person[device(i)] for i in range(40, PEOPLE) if i != UNKNOWN], pa.string())),
    )


def recommender(workspace: Workspace, people: pa.Array) -> dict[str, Callable[[Path], None]]:
    """Files of one that is fitted on these people."""
    with workspace.connection() as connection:
        data = population(connection, load(workspace.home), people, key=workspace.key)
    return recommender_files(fit_recommender(data), data, workspace.lake.last_batch())


def graph_of(workspace: Workspace) -> Snapshot:
    """The graph of the planted home, before any audience."""
    with workspace.connection() as connection:
        return snapshot(
            connection,
            load(workspace.home),
            home_id=workspace.home.home_id,
            key=workspace.key,
            interests=current(workspace.home.models).interests(),
        )


def known_values(planted: Planted) -> dict[str, list[str]]:
    """Values of path parameters that lead somewhere: of people who permit, refuse and are silent."""
    some = (1, 50, 200, 300, UNKNOWN)
    members = load(Home.open(planted.home)).members
    person = dict(zip(members["id"].to_pylist(), members["person_id"].to_pylist(), strict=True))
    return {
        "person_id": [person[device(n)] for n in some],
        "id": [*(device(n) for n in some), *(account(n) for n in some)],
        "tag_id": list(TAGS),
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def plant(path: Path) -> Planted:
    """Make the home: lake, identities, interests, keys."""
    workspace = Workspace.open(Settings(home=path))
    fill_lake(workspace)
    with workspace.connection() as connection:
        resolve(connection, workspace.home, key=workspace.key)
    plant_interests(workspace)
    with workspace.store(read_only=False) as store:
        store.replace(graph_of(workspace))
    with workspace.control() as control:
        for tenant in ("acme", "umbrella"):
            control.tenants.ensure(tenant, now=NOW)
        scopes = set(Scope)
        _, full = control.keys.create("acme", scopes, now=NOW)
        _, foreign = control.keys.create("umbrella", scopes, now=NOW)
        narrow = {scope: control.keys.create("acme", scopes - {scope}, now=NOW)[1] for scope in Scope}
        _, collector = control.keys.create("acme", {Scope.COLLECT}, now=NOW)
    return Planted(path, full, foreign, narrow, collector)
