"""Audience files by the command line: each format, its manifest, what is refused before a release; and consent strings."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from api_home import COUNTRIES, PEOPLE, email, plant
from command_line import Tessera
from consent_strings import gpp, tc_string

from graph.privacy import PLATFORMS


@pytest.fixture(scope="module")
def tessera(tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    home = tmp_path_factory.mktemp("exports") / "home"
    plant(home)
    return Tessera(home)


@pytest.fixture(scope="module")
def audience(tessera: Tessera, tmp_path_factory: pytest.TempPathFactory) -> str:
    definition = tmp_path_factory.mktemp("definition") / "definition.json"
    rule = {"all": [{"attribute": "country", "one_of": list(COUNTRIES)}]}
    definition.write_text(json.dumps({"kind": "rule", "name": "everybody", "rule": rule}))
    return str(tessera.json("audience", "create", definition)["audience_id"])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_upload_and_its_manifest(tessera: Tessera, audience: str, platform: str, tmp_path: Path) -> None:
    file = tmp_path / "upload.csv"
    ask = ("audience", "export", audience, "--recipient", "ads", "--format", platform, "--out", file)
    told = tessera.json(*ask)
    content = file.read_bytes()
    with file.open(newline="") as opened:
        header, *rows = csv.reader(opened)
    assert told == {"file": str(file), "people": len(rows), "rows": len(rows)}
    assert header == [column.header for column in PLATFORMS[platform].columns]
    assert b"planted" not in content
    manifest = json.loads((tmp_path / "upload.csv.manifest.json").read_text())
    assert manifest["rules"] == PLATFORMS[platform].version
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert tessera.json(*ask) == told
    assert file.read_bytes() == content, "the same question gives the same file"
    hashes = {PLATFORMS[platform].identifiers({"email": email(n), "phone": None})[0] for n in range(80, PEOPLE)}
    assert {row[0] for row in rows} < hashes


def test_openrtb_takes_the_segments_that_are_named(tessera: Tessera, audience: str, tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    ask = ("audience", "export", audience, "--recipient", "ads", "--format", "openrtb", "--out", file)
    assert "name what stands for it, such as 4:243" in tessera.refuses(*ask)
    assert "4:nothing" in tessera.refuses(*ask, "--segment", "4:nothing")
    assert tessera.refuses(*ask, "--segment", "4:466") == "not released: a segment of it is sensitive"
    assert list(tmp_path.iterdir()) == []
    told = tessera.json(*ask, "--segment", "4:243", "--segment", "4:607")
    users = [json.loads(line)["user"] for line in file.read_text().splitlines()]
    assert len(users) == told["people"]
    assert [s["id"] for s in users[0]["data"][0]["segment"]] == ["243", "607"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--format", "linkedin", "--out", "a.csv"), "is not one of pseudonyms, openrtb, google, meta, tiktok, uid2"),
        (("--format", "google", "--out", "a.parquet"), "cannot write google as .parquet; use .csv"),
        (("--format", "openrtb", "--out", "a"), "cannot write openrtb as a file without suffix; use .jsonl"),
        (("--out", "a.xlsx"), "cannot write pseudonyms as .xlsx; use .parquet, .csv, .jsonl"),
        (("--segment", "4:243", "--out", "a.csv"), "--segment is for --format openrtb"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_released(
    tessera: Tessera, audience: str, arguments: tuple[str, ...], line: str
) -> None:
    assert line in tessera.refuses("audience", "export", audience, "--recipient", "nobody", *arguments)


def test_consent_strings_are_recorded_and_told(tessera: Tessera) -> None:
    subject = "account:a subject of its own"
    tessera("consent", "set", subject, "--tc-string", tc_string([1, 4, 9]))
    tessera("consent", "set", subject, "--purposes", "1,3,4", "--gpp-string", gpp({6: "1YYN"}))
    told = tessera.json("consent", "show", subject)
    assert [row["permits"] for row in told] == [[1, 4, 9], []]
    assert "version 35" in tessera.refuses("consent", "set", subject, "--tc-string", "junk")
    assert "nothing to record" in tessera.refuses("consent", "set", subject)
    assert len(tessera.json("consent", "show", subject)) == 2


def test_all_scopes_are_without_uploads(tessera: Tessera) -> None:
    assert "uploads:write" not in tessera.json("key", "create", "--scope", "all")["scopes"]
    assert tessera.json("key", "create", "--scope", "uploads:write")["scopes"] == ["uploads:write"]
