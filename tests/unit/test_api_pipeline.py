"""What the stages take from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import pipeline
from api.settings import Settings
from api.workspace import Workspace
from graph.errors import SettingsError
from graph.progress import ignore_progress


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
