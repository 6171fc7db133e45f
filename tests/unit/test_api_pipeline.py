"""What the stages take from the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import operator_files, pipeline
from api.settings import Settings
from api.workspace import Workspace
from graph.errors import SettingsError
from graph.progress import ignore_progress
from graph.resolve import IdentityLog


def resolved(folder: Path, text: str | None) -> None:
    """Resolve three accounts with this TOML of record settings."""
    path = folder / "records.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    source = folder / "crm"
    source.mkdir()
    (source / "accounts.csv").write_text("account_id,email\n1,ann@example.com\n2,ann@example.com\n3,bob@example.com\n")
    workspace = Workspace.open(Settings(home=folder / "home", records=path))
    pipeline.ingest(workspace, [source], progress=ignore_progress)
    pipeline.resolved(workspace, ignore_progress)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "records.toml cannot be read"),
        ("columns = [", "records:"),
        ("pairs_per_record = -1.0", "pairs_per_record"),
        ('columns = ["nothing"]', "no column 'nothing'"),
    ],
)
def test_record_settings_that_cannot_be_used_are_said_in_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        resolved(tmp_path, text)
    assert "\n" not in str(error.value)


def test_columns_that_are_to_be_ignored_join_nobody(tmp_path: Path) -> None:
    resolved(tmp_path, 'ignore = ["email"]')
    members = pipeline.load(Workspace.open(Settings(home=tmp_path / "home"))).members
    assert len(set(members["person_id"].to_pylist())) == 3


def test_identities_as_of_a_time_are_those_of_a_home_that_knew_no_more(tmp_path: Path) -> None:
    """d1 and d2 come together through a1 in May; before, d2 was somebody else's. The home's own log is not touched."""
    events = [
        *((f"e{i}", f"2026-03-0{i + 1}T10:00:00Z", "d1", "a1") for i in range(3)),
        *((f"f{i}", f"2026-03-0{i + 1}T10:00:00Z", "d2", "") for i in range(3)),
        *((f"g{i}", f"2026-05-0{i + 1}T10:00:00Z", "d2", "a1") for i in range(3)),
    ]

    def home(name: str, until: str) -> Workspace:
        source = tmp_path / name / "web"
        source.mkdir(parents=True)
        rows = [",".join(e) for e in events if e[1] < until]
        (source / "events.csv").write_text("\n".join(["event_id,at,device_id,account_id", *rows]) + "\n")
        workspace = Workspace.open(Settings(home=tmp_path / name / "home", key="ab" * 32))
        pipeline.ingest(workspace, [source], progress=ignore_progress)
        pipeline.resolved(workspace, ignore_progress)
        return workspace

    now, then = home("now", "2027"), home("then", "2026-04")
    before = IdentityLog(now.home.identity).entries()
    told = operator_files.identities(now, datetime(2026, 4, 1, tzinfo=UTC)).value.table
    assert told.to_pylist() == operator_files.identities(then).value.table.to_pylist()
    assert len(set(told["person_id"].to_pylist())) == 2
    assert len(set(operator_files.identities(now).value.table["person_id"].to_pylist())) == 1
    assert IdentityLog(now.home.identity).entries() == before
