"""Audience files and operator tables: what is in them, what their manifests say, what stops them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from privacy_samples import CALLER, audience, everybody, gate_over

from graph.control import Control, sqlite_url
from graph.errors import HomeNotWritable, InputError
from graph.export import audience_bytes, write_audience, write_operator
from graph.files import read_table
from graph.privacy import AudienceRows, OperatorTable, Released, Use

PEOPLE = everybody(1000)
SUFFIXES = [".csv", ".jsonl", ".parquet"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released[AudienceRows]]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as control:
        gate = gate_over(control, PEOPLE)
        answer = gate.row_list(PEOPLE, audience_id=audience(control).audience_id, recipient="dsp", caller=CALLER)
        assert isinstance(answer, Released)
        yield answer


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released[OperatorTable]]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as control:
        data = pa.table({"person_id": PEOPLE, "rank": list(range(1000)), "score": [i / 7 for i in range(1000)]})
        yield gate_over(control, PEOPLE, refusing=PEOPLE[:3]).operator_file(data, "lookalike", use=Use.AUDIENCE)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_audience_file_holds_the_pseudonyms_and_its_manifest_fits(
    rows: Released[AudienceRows], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / f"runners{suffix}"
    manifest = write_audience(rows, path)
    read = read_table(path)
    assert read.column_names == ["pseudonym"]
    assert read["pseudonym"].to_pylist() == rows.value.pseudonyms.to_pylist()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (manifest.sha256, manifest.counts) == (digest, {"people": 1000})
    assert json.loads(path.with_name(f"runners{suffix}.manifest.json").read_text()) == {
        "file": f"runners{suffix}",
        "export": rows.value.export_id,
        "audience": rows.value.audience_id,
        "recipient": "dsp",
        "counts": {"people": 1000},
        "sha256": digest,
        "left_out": {"no consent, or several people": None},
    }
    assert {p.name for p in path.parent.iterdir()} == {f"runners{suffix}", f"runners{suffix}.manifest.json"}
    assert not any(b"raw-" in p.read_bytes() for p in path.parent.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_the_same_each_time_and_over_http(rows: Released[AudienceRows], suffix: str, tmp_path: Path) -> None:
    content = {write_audience(rows, tmp_path / f"{i}{suffix}").path.read_bytes() for i in range(2)}
    assert content == {audience_bytes(rows, suffix)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_operator_file_holds_ids_and_scores_of_those_who_did_not_object(
    table: Released[OperatorTable], suffix: str, tmp_path: Path
) -> None:
    manifest = write_operator(table, tmp_path / f"out{suffix}")
    read = read_table(tmp_path / f"out{suffix}")
    assert read["person_id"].to_pylist() == PEOPLE[3:]
    assert [float(score) for score in read["score"].to_pylist()] == [i / 7 for i in range(3, 1000)]
    assert manifest.counts == {"rows": 997, "withheld": 3}
    assert manifest.sha256 == hashlib.sha256((tmp_path / f"out{suffix}").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.CSV", "a.csv.gz"])
def test_another_suffix_is_an_error_that_names_the_allowed_ones(
    rows: Released[AudienceRows], table: Released[OperatorTable], name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"\.parquet, \.csv, \.jsonl"):
        write_audience(rows, tmp_path / name)
    with pytest.raises(InputError, match=r"\.parquet, \.csv, \.jsonl"):
        write_operator(table, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(
    rows: Released[AudienceRows], suffix: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", Path("/proc/1")):
        with pytest.raises(HomeNotWritable) as caught:
            write_audience(rows, folder / f"a{suffix}")
        assert "\n" not in str(caught.value)


_WRITE = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from privacy_samples import CALLER, audience, everybody, gate_over
from graph.control import Control, sqlite_url
from graph.errors import HomeNotWritable
from graph.export import write_audience
folder, people = Path(sys.argv[1]), everybody(20_000)
control = Control(sqlite_url(folder / "control"))
gate, made = gate_over(control, people), audience(control)
large = gate.row_list(people, audience_id=made.audience_id, recipient="dsp", caller=CALLER)
small = gate.row_list(people[:10_000], audience_id=made.audience_id, recipient="dsp", caller=CALLER)
"""
_FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for suffix in (".csv", ".jsonl", ".parquet"):
    try:
        write_audience(large, folder / "out" / f"a{suffix}")
    except HomeNotWritable as error:
        print(suffix, str(error).count("\\n"))
"""
_FOREVER = """
while True:
    for answer in (large, small):
        write_audience(answer, folder / "out" / "a.csv")
        print("written", flush=True)
"""


def _arguments(script: str, folder: Path) -> list[str]:
    tests = Path(__file__).parents[1]
    return [sys.executable, "-c", script, str(folder), str(tests), str(tests.parent)]


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    run = subprocess.run(_arguments(_WRITE + _FULL, tmp_path), capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == [".csv", "0", ".jsonl", "0", ".parquet", "0"], run.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_kill_9_leaves_one_whole_file(tmp_path: Path) -> None:
    process = subprocess.Popen(_arguments(_WRITE + _FOREVER, tmp_path), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == "written\n"
    time.sleep(0.037)  # somewhere within the next file
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    lines = (tmp_path / "out" / "a.csv").read_text().splitlines()
    assert lines[0] == "pseudonym"
    assert len(lines) - 1 in (10_000, 20_000)
    assert all(len(line) == 32 for line in lines[1:])
