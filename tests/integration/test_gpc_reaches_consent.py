"""A `Sec-GPC` header, kept by the collector in the call's context, ends as a refusal that the privacy gate goes by."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from api import pipeline
from api.settings import Settings
from api.workspace import Workspace
from graph.control import Control, sqlite_url
from graph.privacy import Consents, ConsentState, LegalBasis, Purpose


def test_a_call_with_gpc_refuses_every_purpose(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    when = {"timestamp": "2026-01-01T00:00:00Z"}
    calls = [
        {"type": "page", "anonymousId": "objecting", "messageId": "m1", "context": {"gpc": True}, **when},
        {"type": "page", "anonymousId": "silent", "messageId": "m2", **when},
    ]
    (source / "calls.segment.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls))
    workspace = Workspace.open(Settings(home=tmp_path / "home"))

    def quiet(what: str, done: int, total: int) -> None:
        """No progress shown."""

    pipeline.ingest(workspace, [source], progress=quiet)
    resolution = pipeline.resolved(workspace, quiet)
    of = dict(zip(resolution.members["id"].to_pylist(), resolution.members["person_id"].to_pylist(), strict=True))
    with Control(sqlite_url(tmp_path)) as control, workspace.connection() as connection:
        consents = Consents(
            connection,
            resolution.members,
            control.consents,
            clock=lambda: datetime.now(UTC),
            legal_basis=LegalBasis.CONTRACT,
        )
        for purpose in Purpose:
            assert consents.state(of["objecting"], purpose) is ConsentState.REFUSED
            assert consents.permits(of["objecting"], purpose) is False
            assert consents.permits(of["silent"], purpose) is True
        assert consents.permits("nobody", Purpose(1)) is None
