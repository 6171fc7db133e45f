"""A control store that version 1 made is brought up to date when it is opened, and keeps what it holds."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from graph.control import Control, sqlite_url

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)

# Tables as version 1 made them.
VERSION_1 = """
CREATE TABLE audit_log (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at DATETIME NOT NULL,
    actor TEXT NOT NULL,
    tenant_id TEXT,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    subject TEXT,
    row_count INTEGER
);
CREATE INDEX ix_audit_log_at ON audit_log (at);
CREATE TABLE consent_log (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    purposes JSON,
    tc_string TEXT,
    gpp_string TEXT,
    gpc BOOLEAN,
    at DATETIME NOT NULL,
    source TEXT NOT NULL,
    recorded_at DATETIME NOT NULL
);
CREATE INDEX consent_log_by_subject ON consent_log (subject_kind, subject_id);
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE tenants (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (tenant_id)
);
CREATE TABLE api_keys (
    key_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    scopes JSON NOT NULL,
    created_at DATETIME NOT NULL,
    revoked_at DATETIME,
    PRIMARY KEY (key_id),
    FOREIGN KEY(tenant_id) REFERENCES tenants (tenant_id)
);
CREATE INDEX ix_api_keys_tenant_id ON api_keys (tenant_id);
CREATE TABLE audiences (
    audience_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    definition JSON NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (audience_id),
    FOREIGN KEY(tenant_id) REFERENCES tenants (tenant_id)
);
CREATE INDEX ix_audiences_tenant_id ON audiences (tenant_id);
CREATE TABLE exports (
    export_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipient TEXT NOT NULL,
    purpose INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    members BLOB NOT NULL,
    pseudonym_key BLOB NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (export_id),
    FOREIGN KEY(tenant_id) REFERENCES tenants (tenant_id)
);
CREATE INDEX exports_by_tenant ON exports (tenant_id, row_count);
CREATE TABLE audience_chunks (
    audience_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    first_rank INTEGER NOT NULL,
    last_rank INTEGER NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (audience_id, version, first_rank),
    FOREIGN KEY(audience_id) REFERENCES audiences (audience_id) ON DELETE CASCADE
);
INSERT INTO schema_version VALUES (1);
"""
RULE = {"rule": {"all": [{"tag": "running", "min_probability": 0.5}]}}


def _chunk(people: list[str]) -> bytes:
    table = pa.table({"person_id": pa.array(people, pa.string()), "score": pa.nulls(len(people), pa.float64())})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(out.getvalue().to_pybytes())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "control.sqlite")
    connection.executescript(VERSION_1)
    connection.execute("INSERT INTO tenants VALUES ('acme', 'Acme', '2026-06-01 12:00:00.000000')")
    rows = [
        ("aud-filled", "rule", RULE, 3, 2),
        ("aud-seeded", "lookalike", {"size": 5.0, "seeds": ["account:a:b", "device:d1"]}, 1, 0),
        ("aud-of", "lookalike", {"seed_audience_id": "aud-filled", "size": 5.0}, 0, 0),
    ]
    for audience_id, kind, definition, version, size in rows:
        times = ("2026-06-01 12:00:00.000000", "2026-06-02 12:00:00.000000")
        values = (audience_id, "acme", audience_id, kind, json.dumps(definition), version, size, *times)
        connection.execute("INSERT INTO audiences VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("INSERT INTO audience_chunks VALUES ('aud-filled', 3, 1, 2, ?)", [_chunk(["p1", "p2"])])
    connection.commit()
    connection.close()
    return tmp_path


def test_audiences_of_version_1_have_versions_definitions_and_seeds(old: Path) -> None:
    for _ in range(2):  # the second time nothing is left to do
        with Control(sqlite_url(old)) as control:
            audiences = control.audiences
            filled = audiences.get("aud-filled", "acme")
            assert filled is not None
            assert (filled.version, filled.size, filled.published, filled.refresh_every) == (3, 2, 3, None)
            assert audiences.members("aud-filled")["person_id"].to_pylist() == ["p1", "p2"]
            [version] = audiences.versions("aud-filled")
            assert (version.version, version.size, version.added, version.removed) == (3, 2, None, None)
            assert version.at == datetime(2026, 6, 2, 12, tzinfo=UTC)
            assert version.definition == RULE
            seeded = audiences.get("aud-seeded", "acme")
            assert seeded is not None
            assert seeded.definition == {"size": 5.0}
            kept = audiences.seeds("aud-seeded")
            assert kept is not None
            assert kept.to_pylist() == [{"kind": "account", "id": "a:b"}, {"kind": "device", "id": "d1"}]
            assert audiences.definitions("aud-of", "acme") == [{"seed_audience_id": "aud-filled", "size": 5.0}]
            assert audiences.versions("aud-of") == []


def test_a_migrated_audience_is_filled_on(old: Path) -> None:
    with Control(sqlite_url(old)) as control:
        again = control.audiences.fill("aud-filled", pa.table({"person_id": ["p2", "p3", "p4"]}), now=AT)
        assert (again.version, again.size) == (4, 3)
        newest, _ = control.audiences.versions("aud-filled")
        assert (newest.added, newest.removed) == (2, 1)
        assert control.audiences.delete("aud-filled", "acme")


def test_a_migration_that_fails_changes_nothing(old: Path) -> None:
    connection = sqlite3.connect(old / "control.sqlite")
    connection.execute("UPDATE audiences SET definition = 'no JSON' WHERE audience_id = 'aud-of'")
    connection.commit()
    connection.close()
    with pytest.raises(ValueError, match="Expecting value"):
        Control(sqlite_url(old))
    connection = sqlite3.connect(old / "control.sqlite")
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
    assert "published" not in {row[1] for row in connection.execute("PRAGMA table_info(audiences)")}
    connection.close()
