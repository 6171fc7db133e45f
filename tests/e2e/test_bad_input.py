"""What cannot be used is refused in one line, or a row goes to quarantine with its reason; nothing is lost or half-written."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Done, Tessera, refusal

from graph.home import Home
from graph.lake import Lake
from graph.tables import LAKE_TABLES

GOOD = "event_id,at,device_id,account_id\n" + "".join(f"e{n},2026-01-01T00:00:{n:02d}Z,d{n % 7},a{n % 5}\n" for n in range(40))


@pytest.fixture
def tessera(tmp_path: Path) -> Tessera:
    return Tessera(tmp_path / "home")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "events.csv").write_text(GOOD)
    return folder


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    """A home with a resolved graph and no model; nothing here changes it."""
    folder = tmp_path_factory.mktemp("resolved")
    (folder / "source").mkdir()
    (folder / "source" / "events.csv").write_text(GOOD)
    tessera = Tessera(folder / "home")
    tessera("ingest", folder / "source", "--quiet")
    tessera("resolve", "--quiet")
    return tessera


def state(home: Path) -> dict[str, Any]:
    """Rows of every lake table, and the lake's own name of its content."""
    lake = Lake(Home.open(home).lake)
    return {**{name: lake.rows(name) for name in LAKE_TABLES}, "snapshot": lake.snapshot_id(), "staging": lake.staging.exists()}


def _missing(folder: Path) -> None:
    shutil.rmtree(folder)


def _empty(folder: Path) -> None:
    (folder / "events.csv").unlink()


def _unknown_table(folder: Path) -> None:
    (folder / "evnets.csv").write_text(GOOD)


def _two_formats(folder: Path) -> None:
    (folder / "events.jsonl").write_text('{"event_id": "x", "at": "2026-01-01", "device_id": "d"}\n')


def _wrong_header(folder: Path) -> None:
    (folder / "devices.csv").write_text("identifier;kind\nd1;mobile\n")


def _truncated_parquet(folder: Path) -> None:
    pq.write_table(pa.table({"device_id": [f"d{n}" for n in range(1000)]}), folder / "devices.parquet")
    whole = (folder / "devices.parquet").read_bytes()
    (folder / "devices.parquet").write_bytes(whole[: len(whole) // 2])


def _truncated_gzip(folder: Path) -> None:
    whole = gzip.compress(("device_id\n" + "".join(f"d{n * 7919}\n" for n in range(9999))).encode())
    (folder / "devices.csv.gz").write_bytes(whole[: len(whole) // 2])


def _empty_file(folder: Path) -> None:
    (folder / "devices.csv").write_bytes(b"")


def _utf16(folder: Path) -> None:
    (folder / "devices.csv").write_bytes("device_id\nd1\n".encode("utf-16"))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_missing, "no such folder"),
        (_empty, "holds no table"),
        (_unknown_table, "evnets.csv"),
        (_two_formats, "given twice"),
        (_wrong_header, "devices.csv"),
        (_truncated_parquet, "devices.parquet"),
        (_truncated_gzip, "devices.csv.gz"),
        (_empty_file, "devices.csv"),
        (_utf16, "UTF-16"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_and_changes_nothing(
    tessera: Tessera, source: Path, tmp_path: Path, spoil: Callable[[Path], None], word: str
) -> None:
    before = state(tessera.home)
    spoil(source)
    for command in ("ingest", "run"):
        assert word in tessera.refuses(command, source, "--quiet")
        assert state(tessera.home) == before
    assert not (tessera.home / "graph" / "current").exists()


def test_bad_rows_go_to_quarantine_with_a_reason(tessera: Tessera, source: Path) -> None:
    lines = [
        "event_id,at,device_id,account_id,title",
        "good,2026-01-01T00:00:00Z,d1,a1,fine",
        "never,yesterday at noon,d1,a1,",
        "nobody,2026-01-01T00:00:00Z,,,",
        ",2026-01-01T00:00:00Z,d1,a1,",
        "twice,2026-01-01T00:00:00Z,d1,a1,one",
        "twice,2026-01-01T00:00:00Z,d2,a1,another",
        "nul,2026-01-01T00:00:00Z,d3,a1,a\0b",
    ]
    (source / "events.csv").write_text("\n".join(lines) + "\n")
    (row,) = tessera.json("ingest", source)["ingest"]
    assert row["read"] == 7
    assert row["added"] + row["quarantined"] + row["duplicates"] == 7
    lake = Lake(Home.open(tessera.home).lake)
    with lake.connect() as connection:
        kept = dict(connection.sql("SELECT event_id, device_id FROM events").fetchall())
        reasons = connection.sql("SELECT reason, raw FROM quarantine").fetchall()
    assert kept["twice"] == "d1"
    assert {"good", "twice"} <= set(kept) <= {"good", "twice", "nul"}
    assert len(reasons) == row["quarantined"] == 7 - len(kept)
    assert all(reason for reason, _ in reasons)


def test_an_empty_table_is_taken_and_a_home_without_rows_cannot_be_resolved(tessera: Tessera, source: Path) -> None:
    (source / "events.csv").write_text("event_id,at,device_id\n")
    assert [(row["table"], row["read"]) for row in tessera.json("ingest", source)["ingest"]] == [("events", 0)]
    assert "tessera ingest" in tessera.refuses("resolve", "--quiet")
    assert "tessera ingest" in tessera.refuses("run", source, "--quiet")


def test_ten_megabytes_in_one_field(tessera: Tessera, source: Path) -> None:
    (source / "contents.jsonl").write_text(json.dumps({"content_id": "c1", "title": "x" * 10_000_000}) + "\n")
    long = f"long,2026-01-01T00:00:00Z,d1,a1,{'y' * 10_000_000}\nnext,2026-01-01T00:00:00Z,d1,a1,short\n"
    (source / "events.csv").write_text("event_id,at,device_id,account_id,text\n" + long)
    told = {row["table"]: row for row in tessera.json("ingest", source)["ingest"]}
    assert [(row["read"], row["added"] + row["quarantined"]) for row in told.values()] == [(1, 1), (2, 2)]
    with Lake(Home.open(tessera.home).lake).connect() as connection:
        assert connection.sql("SELECT count(*) FROM events WHERE event_id = 'next'").fetchall() == [(1,)]
    assert tessera.json("resolve", "--quiet")["graph"]["Account"] == 1


@pytest.mark.parametrize("arguments", [("resolve",), ("train",), ("export", "identities"), ("lookalike",), ("recommend",)])
def test_commands_before_any_input_say_what_to_run_first(tessera: Tessera, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "seeds.csv").write_text("kind,id\ndevice,d1\n")
    more: list[str | Path] = []
    if arguments[0] in ("export", "lookalike", "recommend"):
        more += ["--out", tmp_path / "out.csv"]
    if arguments[0] == "lookalike":
        more += ["--seeds", tmp_path / "seeds.csv"]
    assert "run `tessera " in tessera.refuses(*arguments, *more)
    assert not (tmp_path / "out.csv").exists()


def test_commands_about_people_before_any_input(tessera: Tessera, tmp_path: Path) -> None:
    assert "first" in tessera.refuses("explain", "device:a", "device:b")
    (tmp_path / "truth.csv").write_text("kind,id,person\ndevice,d1,p\n")
    assert "first" in tessera.refuses("evaluate", "identity", "--truth", tmp_path / "truth.csv")
    (tmp_path / "audience.json").write_text('{"kind": "rule", "name": "x", "rule": {"all": [{"count": "devices"}]}}')
    assert "first" in tessera.refuses("audience", "create", tmp_path / "audience.json")
    assert "first" in tessera.refuses("subgraph", "export", "--out", tmp_path / "x.json")
    assert "took 0 files" in tessera("worker", "--once").out


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("PORT", "abc", "TESSERA_PORT"),
        ("KEY", "abcd", "TESSERA_KEY"),
        ("GRAPH_URL", "postgres://somebody:wonderland@host", "TESSERA_GRAPH_URL"),
        ("GRAPH_URL", "neo4j://host:7687", "TESSERA_GRAPH_URL"),
        ("LEGAL_BASIS", "because", "TESSERA_LEGAL_BASIS"),
        ("ENGINE", "abacus", "TESSERA_ENGINE"),
        ("MEMORY_LIMIT", "much", "TESSERA_MEMORY_LIMIT"),
        ("CONTROL_URL", "nonsense", "TESSERA_CONTROL_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_never_shown(resolved: Tessera, name: str, value: str, word: str) -> None:
    wrong = resolved.with_settings(**{name: value})
    command = {"GRAPH_URL": ("cypher", "data_freshness"), "LEGAL_BASIS": ("consent", "show", "device:d1")}
    line = wrong.refuses(*command.get(name, ("consent", "show", "device:d1")))
    assert word in line
    assert "wonderland" not in line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("cypher", "nonsense"), "nonsense"),
        (("cypher", "who_is_device"), "device_id"),
        (("cypher", "who_is_device", "--param", "device_id"), "name=value"),
        (("cypher", "who_is_device", "--param", "device_id=d1", "--param", "colour=red"), "colour"),
        (("cypher", "shared_devices", "--param", "limit=many"), "limit"),
        (("cypher", "shared_devices", "--param", "limit=0"), "limit"),
        (("explain", "device:d1", "device:absent"), "device:absent"),
        (("explain", "person:d1", "device:d1"), "person:d1"),
        (("evaluate", "identity", "--truth", "absent.csv"), "absent.csv"),
        (("key", "revoke", "absent"), "absent"),
        (("audience", "create", "absent.json"), "absent.json"),
        (("export", "identities", "--out", "file.xlsx"), ".xlsx"),
        (("lookalike", "--seeds", "absent.csv", "--size", "none", "--out", "x.csv"), "none"),
        (("lookalike", "--seeds", "absent.csv"), "--out"),
        (("lookalike", "--seeds", "absent.csv", "--report", "x.pdf"), "x.pdf"),
        (("lookalike", "--seeds", "absent.csv", "--ratio", "2", "--out", "x.csv"), "ratio"),
        (("consent", "set", "device:d1", "--purposes", "one"), "one"),
        (("recommend", "--k", "0", "--out", "x.csv"), "--k"),
        (("nonsense",), "nonsense"),
        (("ingest",), "SOURCE"),
    ],
)
def test_a_wrong_call_is_one_line(resolved: Tessera, arguments: tuple[str, ...], word: str) -> None:
    assert word in resolved.refuses(*arguments)


def test_a_statement_that_is_no_cypher(resolved: Tessera) -> None:
    resolved.refuses("cypher", "-", stdin="MATCH (n RETURN n")
    resolved.refuses("cypher", "-", stdin="")


def test_a_truth_file_without_its_columns(resolved: Tessera, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("kind,name\ndevice,d1\n")
    assert "truth" in resolved.refuses("evaluate", "identity", "--truth", tmp_path / "truth.csv")


@pytest.mark.parametrize("content", ["[]", "{", '{"kind": "rule"}', '{"kind": "rule", "name": "x", "rule": {}}'])
def test_a_definition_that_is_none(resolved: Tessera, tmp_path: Path, content: str) -> None:
    (tmp_path / "definition.json").write_text(content)
    assert "definition" in resolved.refuses("audience", "create", tmp_path / "definition.json")


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_an_unreachable_server_is_named_without_the_password(resolved: Tessera, source: Path, scheme: str) -> None:
    away = resolved.with_settings(GRAPH_URL=f"{scheme}://neo4j:wonderland@127.0.0.1:1")
    for command in (("cypher", "data_freshness"), ("resolve", "--quiet")):
        line = away.refuses(*command)
        assert "127.0.0.1:1" in line
        assert "wonderland" not in line


def test_a_wrong_password_is_said(resolved: Tessera, neo4j_url: str) -> None:
    head, _, tail = neo4j_url.rpartition("@")
    user = head.rpartition(":")[0]
    line = resolved.with_settings(GRAPH_URL=f"{user}:wonderland@{tail}").refuses("cypher", "data_freshness")
    assert "password" in line
    assert "wonderland" not in line


def test_a_damaged_home(resolved: Tessera, tmp_path: Path) -> None:
    shutil.copytree(resolved.home, tmp_path / "home")
    tessera = Tessera(tmp_path / "home")
    (tessera.home / "home.json").write_text("{")
    assert "home.json" in tessera.refuses("cypher", "data_freshness")
    tessera = Tessera(source := tmp_path / "file")
    source.write_text("not a folder")
    assert "file" in tessera.refuses("cypher", "data_freshness")


def _mounted(options: str, command: list[str], home: Path, environment: dict[str, str]) -> Done:
    """Run a command where `home` lies on a mount of its own, in a namespace that ends with it."""
    script = f'mount {options} "$0" && shift 0 && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(home), *command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def mounts(tmp_path: Path) -> None:
    """Skips where this user may not mount anything, even in a namespace of its own."""
    (tmp_path / "probe").mkdir()
    if shutil.which("unshare") is None or _mounted("-t tmpfs none", ["true"], tmp_path / "probe", dict(os.environ)).code:
        pytest.skip("no mount namespace can be made here (unshare), so a read-only home and a full disk cannot be tried")


@pytest.mark.usefixtures("mounts")
def test_a_read_only_home_is_read_and_not_written(resolved: Tessera, source: Path, tmp_path: Path) -> None:
    shutil.copytree(resolved.home, tmp_path / "home")
    tessera = Tessera(tmp_path / "home")
    read_only = f"--bind {tessera.home}"
    for arguments in (("ingest", str(source), "--quiet"), ("resolve", "--quiet")):
        command = ["sh", "-c", f'mount -o remount,ro,bind "{tessera.home}" && exec "$@"', "sh", *tessera.command(*arguments)]
        assert str(tessera.home) in refusal(_mounted(read_only, command, tessera.home, tessera.environment()))


@pytest.mark.usefixtures("mounts")
def test_a_full_disk_is_one_line_and_nothing_half_written(source: Path, tmp_path: Path) -> None:
    lines = [f"e{n},2026-01-01T00:00:00Z,d{n},{n * 2654435761 % 2**40:x}" for n in range(200_000)]
    (source / "events.csv").write_text("event_id,at,device_id,title\n" + "\n".join(lines) + "\n")
    home = tmp_path / "home"
    home.mkdir()
    tessera = Tessera(home)
    # After the failure the home, still mounted, must be as it was: without rows, and able to be read.
    check = 'out=$("$@" 2>&1); code=$?; echo "$out" >&2; find . -name "*.parquet" | grep -v _delta_log; exit $code'
    command = ["sh", "-c", f'cd "{home}" && {check}', "sh", *tessera.command("ingest", source, "--quiet")]
    done = _mounted("-t tmpfs -o size=1m none", command, home, tessera.environment())
    assert "space" in refusal(done)
    assert done.out == ""


def test_a_limit_on_file_size_is_one_line_and_the_old_export_stays(resolved: Tessera, tmp_path: Path) -> None:
    file = tmp_path / "identities.csv"
    file.write_text("the old one")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = subprocess.run(
        resolved.command("export", "identities", "--out", file),
        capture_output=True,
        text=True,
        env=resolved.environment(),
        preexec_fn=limit,
        check=False,
    )
    refusal(Done(done.returncode, done.stdout, done.stderr))
    assert file.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["identities.csv"]
