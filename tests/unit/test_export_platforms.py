"""Upload files and OpenRTB files: what is in them, their manifests, and that no half file ever has the name."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from privacy_samples import CALLER, account_rows, accounts_of, audience, everybody, gate_over

from graph.control import Control, sqlite_url
from graph.errors import HomeNotWritable, InputError
from graph.export import openrtb_chunks, upload_chunks, write_openrtb, write_upload
from graph.export.partial import write_whole
from graph.privacy import PLATFORMS, AudienceRows, Released, Segment, UploadRows

PEOPLE = everybody(1050)
SEGMENTS = (Segment(9, "483", "Sports"), Segment(4, "607", 'Interest "é" | Sports'), Segment(4, "243", "Outdoor"))


@pytest.fixture
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as opened:
        yield opened


@contextmanager
def _uploaded(control: Control, platform: str, refusing: Sequence[str] = PEOPLE[:25]) -> Iterator[Released[UploadRows]]:
    with accounts_of(account_rows(PEOPLE), PEOPLE) as accounts:
        answer = gate_over(control, PEOPLE, refusing=refusing).upload(
            PEOPLE, accounts, PLATFORMS[platform], audience_id=audience(control).audience_id, recipient="ads", caller=CALLER
        )
    assert isinstance(answer, Released)
    yield answer


def _segmented(control: Control, segments: tuple[Segment, ...] = SEGMENTS, **more: Any) -> Any:
    return gate_over(control, PEOPLE, **more).row_list(
        PEOPLE, audience_id=audience(control).audience_id, recipient="dsp", caller=CALLER, segments=segments
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_upload_file_holds_the_rows_and_its_manifest_fits(control: Control, platform: str, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "upload.csv"
    rules = PLATFORMS[platform]
    with _uploaded(control, platform) as released:
        write_upload(released, path)
        first = path.read_bytes()
        manifest = write_upload(released, path)
        assert first == path.read_bytes() == b"".join(upload_chunks(released))
        value = released.value
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [column.header for column in rules.columns]
    assert len(rows) == 1025
    assert {tuple(row) for row in rows} == {
        tuple(cell or "" for cell in rules.row(account) or ()) for account in account_rows(PEOPLE)[25:]
    }
    assert json.loads((tmp_path / "new folder" / "upload.csv.manifest.json").read_text()) == {
        "file": "upload.csv",
        "export": value.export_id,
        "audience": value.audience_id,
        "recipient": "ads",
        "platform": platform,
        "rules": rules.version,
        "columns": header,
        "counts": {"people": 1025, "rows": 1025},
        "sha256": manifest.sha256,
        "left_out": {"no consent, or several people": 20, "no e-mail or telephone of their own, or to hide these": None},
    }
    assert manifest.sha256 == hashlib.sha256(first).hexdigest()
    assert {p.name for p in path.parent.iterdir()} == {"upload.csv", "upload.csv.manifest.json"}
    for account in account_rows(PEOPLE):
        assert account["email"].encode() not in first
        assert account["phone"][1:].encode() not in first


def test_an_openrtb_file_says_the_same_segments_of_everybody(control: Control, tmp_path: Path) -> None:
    released = _segmented(control)
    write_openrtb(released, tmp_path / "a.jsonl")
    content = (tmp_path / "a.jsonl").read_bytes()
    assert content == b"".join(openrtb_chunks(released))
    users = [json.loads(line)["user"] for line in content.decode().splitlines()]
    assert [user["id"] for user in users] == released.value.pseudonyms.to_pylist()
    data = [
        {
            "id": released.value.audience_id,
            "name": "tessera",
            "segment": [{"id": "243", "name": "Outdoor"}, {"id": "607", "name": 'Interest "é" | Sports'}],
            "ext": {"segtax": 4},
        },
        {
            "id": released.value.audience_id,
            "name": "tessera",
            "segment": [{"id": "483", "name": "Sports"}],
            "ext": {"segtax": 9},
        },
    ]
    assert all(user["data"] == data and user.keys() == {"id", "data"} for user in users)
    manifest = json.loads((tmp_path / "a.jsonl.manifest.json").read_text())
    assert (manifest["counts"], manifest["data"]) == ({"people": 1050}, data)
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_sensitive_segment_is_denied(control: Control) -> None:
    for segment in (Segment(4, "466", "Health", sensitive=True), Segment(4, "x", "secret"), Segment(4, "secret", "x")):
        answer = _segmented(control, (*SEGMENTS, segment), sensitive=frozenset({"secret"}))
        assert answer.reason == "sensitive"


def test_an_openrtb_file_needs_a_segment(control: Control, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no segment of a standard taxonomy"):
        write_openrtb(_segmented(control, ()), tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.parquet", "a", "a.CSV", "a.csv.gz", "a.json"])
def test_another_suffix_is_an_error(control: Control, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is \.jsonl"):
        write_openrtb(_segmented(control), tmp_path / name)
    with _uploaded(control, "uid2", refusing=()) as released, pytest.raises(InputError, match=r"is \.csv"):
        write_upload(released, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_takes_the_kind_of_its_own_only(control: Control, tmp_path: Path) -> None:
    rows: Released[AudienceRows] = _segmented(control)
    with pytest.raises(TypeError, match="UploadRows is expected"):
        write_upload(rows, tmp_path / "a.csv")  # type: ignore[arg-type]
    with _uploaded(control, "uid2", refusing=()) as released, pytest.raises(TypeError, match="AudienceRows is expected"):
        write_openrtb(released, tmp_path / "a.jsonl")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_whole(path, [b"old"])
    path.with_name("a.csv.manifest.json").write_text("{}")

    def failing() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(HomeNotWritable, match="No space left on device"):
        write_whole(path, failing())
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.csv": b"old", "a.csv.manifest.json": b"{}"}
    write_whole(path, [b"n", b"ew"])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.csv": b"new"}, "the manifest was the old file's"
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotWritable):
        write_whole(tmp_path / "file" / "a.csv", [b""])


def test_a_file_that_is_being_written_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def chunks() -> Iterator[bytes]:
        yield b"first"
        with pytest.raises(InputError, match="another process is writing it"):
            write_whole(path, [b"second"])
        yield b" and last"

    write_whole(path, chunks())
    assert path.read_bytes() == b"first and last"


_WRITE = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from graph.export.partial import write_whole
def chunks():
    while True:
        print("chunk", flush=True)
        yield b"x" * 100_000
write_whole(Path(sys.argv[1]) / "a.csv", chunks())
"""


def test_kill_9_leaves_no_file_and_the_next_one_starts_again(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen([sys.executable, "-c", _WRITE, str(tmp_path), root], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        assert process.stdout.readline() == "chunk\n"
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "a.csv").exists()
    (part,) = tmp_path.iterdir()
    assert part.stat().st_mode & 0o077 == 0, "nobody else reads it"
    write_whole(tmp_path / "a.csv", [b"whole"])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.csv": b"whole"}
