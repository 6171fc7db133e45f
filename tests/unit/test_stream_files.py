"""Micro-batches as files, the client's properties, the settings of the worker, and what is missing."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from api.settings import load_settings
from graph.errors import HomeNotWritable, MissingExtra, SettingsError
from graph.stream import CallStream, StreamOptions, StreamUnavailable, read_properties
from graph.stream.batches import Batch, remove_unfinished, waiting_ranges


def batch(first: int, *lines: bytes | None) -> Batch:
    made = Batch(3, first)
    for offset, line in enumerate(lines, first):
        made.add(offset, line)
    return made


@pytest.mark.parametrize("topic", ["tessera-calls", "a.b_c-1", "t" * 249])
def test_the_same_batch_is_the_same_file(tmp_path: Path, topic: str) -> None:
    folder = tmp_path / "inbox"
    first = batch(7, b"a\n", None, b"b\n").write(folder, topic)
    assert first is not None
    assert first.read_bytes() == b"a\nb\n"
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert batch(7, b"a\n", None, b"b\n").write(folder, topic) == first
    assert list(folder.iterdir()) == [first]
    assert waiting_ranges(folder, topic, 3) == {7: 9}
    assert waiting_ranges(folder, topic, 33) == {}
    assert waiting_ranges(folder, f"{topic[:-1]}x", 3) == {}


def test_offsets_of_a_topic_made_anew_overwrite_nothing(tmp_path: Path) -> None:
    old, new = batch(0, b"old\n").write(tmp_path, "t"), batch(0, b"new\n").write(tmp_path, "t")
    assert old is not None
    assert new is not None
    assert (old.read_bytes(), new.read_bytes()) == (b"old\n", b"new\n")


def test_nothing_but_empty_messages_is_no_file(tmp_path: Path) -> None:
    assert batch(0, None, None).write(tmp_path / "inbox", "t") is None
    assert not (tmp_path / "inbox").exists()
    assert waiting_ranges(tmp_path / "inbox", "t", 0) == {}


def test_only_half_written_files_of_the_stream_are_removed(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in (".0001.segment.jsonl.ab.part", "kafka-t-0-x.segment.jsonl")]
    gone = tmp_path / ".kafka-t-0-x.segment.jsonl.ab.part"
    for file in (*kept, gone):
        file.touch()
    remove_unfinished(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_an_inbox_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "inbox").touch()
    with pytest.raises(HomeNotWritable, match="inbox"):
        batch(0, b"a\n").write(tmp_path / "inbox", "t")


def test_properties(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("# TLS\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b c\n")
    assert read_properties(file) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b c"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("just words: hunter2", "line 1 is no"), ("\ngroup.id = hunter2", "group.id on line 2"), ("= hunter2", "line 1")],
)
def test_wrong_properties(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_properties(file)
    assert "hunter2" not in str(caught.value)


def test_properties_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_properties(tmp_path / "none")


@pytest.mark.parametrize("properties", [{"no.such": "hunter2"}, {"security.protocol": "hunter2"}])
def test_properties_that_the_client_refuses(tmp_path: Path, properties: dict[str, str]) -> None:
    options = StreamOptions("127.0.0.1:1", "t", "g", "m", properties=properties)
    with pytest.raises(SettingsError, match=rf"refuses {next(iter(properties))}; correct TESSERA_KAFKA_PROPERTIES") as caught:
        CallStream(options, tmp_path)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(options)


def test_nobody_there(tmp_path: Path) -> None:
    options = StreamOptions("127.0.0.1:1", "t", "g", "m", start_seconds=0.1)
    with pytest.raises(StreamUnavailable, match=r"^Kafka at 127.0.0.1:1 does not answer \(Connection refused\); start it"):
        CallStream(options, tmp_path)


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(MissingExtra, match=r"tessera\[stream\]"):
        CallStream(StreamOptions("127.0.0.1:1", "t", "g", "m"), tmp_path)


@pytest.mark.parametrize("brokers", ["one:9092", "one:9092,two.example:9093", "[::1]:9092", "10.0.0.1:1"])
def test_brokers(brokers: str) -> None:
    assert load_settings(kafka=brokers).kafka == brokers


@pytest.mark.parametrize(
    ("variable", "value"),
    [("KAFKA", v) for v in ("", "one", "one:", "kafka://one:9092", "one:9092,", "user:hunter2@one:9092", "one two:1")]
    + [("KAFKA_TOPIC", v) for v in ("", "^all.*", "a b", "t" * 250)],
)
def test_wrong_settings(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    for name in [name for name in os.environ if name.startswith("TESSERA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"TESSERA_{variable}", value)
    with pytest.raises(SettingsError, match=rf"^TESSERA_{variable}: ") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
