"""The stream consumer on a real Kafka broker: every message ends in the lake once, whatever is killed on the way."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Tessera
from kafka_broker import Broker, free_ports, made

from api import inbox
from api.settings import Settings
from api.workspace import Workspace
from graph.stream import CallStream, StreamOptions, StreamRefused, StreamUnavailable
from graph.tables import TABLES


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = made(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(broker.folder)


@pytest.fixture
def broker(kafka: Broker) -> Broker:
    """The broker, running, whatever the test before did to it."""
    kafka.start()
    return kafka


def call(n: int, **more: Any) -> bytes:
    at = f"2026-03-{n // 24 + 1:02d}T{n % 24:02d}:00:00Z"
    common = {"anonymousId": f"d{n % 40}", "messageId": f"m{n}", "timestamp": at} | more
    if n % 5 == 0:
        return json.dumps(
            {"type": "identify", "userId": f"a{n % 20}", "traits": {"email": f"p{n % 20}@mail.example"}} | common
        ).encode()
    return json.dumps(
        {"type": "track", "event": "Product Viewed", "properties": {"url": f"https://shop.example/{n % 30}"}} | common
    ).encode()


CALLS = [call(n) for n in range(500)]


def options(broker: Broker, topic: str, **more: Any) -> StreamOptions:
    given = {"brokers": broker.address, "topic": topic, "group": f"g-{topic}", "member": "tests", "linger_seconds": 0.2}
    return StreamOptions(**{**given, **more})


def settings(broker: Broker, topic: str) -> dict[str, str]:
    return {"KAFKA": broker.address, "KAFKA_TOPIC": topic}


def opened(home: Path) -> Workspace:
    return Workspace.open(Settings(home=home))


def take(home: Path, stream: CallStream) -> None:
    """Everything that waits in the topic, into the lake of a home."""
    workspace = opened(home)
    with stream:
        stream.take_waiting()
    with workspace.home.writing("worker"):
        inbox.drain(workspace, workspace.writable_store)


def said(home: Path) -> dict[str, list[str]]:
    """What the lake says, without how it came in."""
    with opened(home).connection() as connection:
        rows = {name: connection.sql(f"SELECT * FROM {name}").to_arrow_table() for name in TABLES}
        rows["quarantine"] = connection.sql('SELECT "table", reason, raw FROM quarantine').to_arrow_table()
    kept = {name: t.select([c for c in t.column_names if not c.startswith("_")]).to_pylist() for name, t in rows.items()}
    return {name: sorted(str(row) for row in found) for name, found in kept.items()}


def eventually(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def files(home: Path) -> list[Path]:
    return sorted((home / "inbox").glob("*.segment.jsonl"))


def test_calls_go_through_lake_and_graph_and_redelivery_changes_nothing(broker: Broker, tmp_path: Path) -> None:
    topic = broker.new_topic(CALLS, partitions=3)
    tessera = Tessera(tmp_path / "home", settings(broker, topic))
    done = tessera("worker", "--once", "--quiet")
    assert "took 500 messages from Kafka, 0 of them empty" in done.out
    lake = opened(tmp_path / "home").lake
    first = lake.snapshot_id()
    assert lake.rows("events") == 500
    assert lake.rows("quarantine") == 0
    with opened(tmp_path / "home").store() as store:
        counts = store.counts()
    assert (counts["Device"], counts["Account"]) == (40, 4)
    assert counts["ENGAGED"] > 0
    assert not files(tmp_path / "home")

    take(tmp_path / "home", inbox_stream(tmp_path / "home", broker, topic))
    assert lake.snapshot_id() == first, "what is committed is not delivered again"

    again = tessera.with_settings(KAFKA_GROUP="from-the-beginning")("worker", "--once", "--quiet")
    assert "took 500 messages" in again.out, "another group gets everything"
    assert opened(tmp_path / "home").lake.rows("events") == 500
    assert opened(tmp_path / "home").lake.snapshot_id() == first


def inbox_stream(home: Path, broker: Broker, topic: str) -> CallStream:
    stream = inbox.call_stream(Workspace.open(Settings(home=home, kafka=broker.address, kafka_topic=topic)))
    assert stream is not None
    return stream


CHILD = """
import os, signal, sys
from pathlib import Path
from graph.stream import CallStream, StreamOptions

brokers, topic, folder, moment, number = *sys.argv[1:5], int(sys.argv[5])
seen = 0


def hook(name, arguments):
    # Before a file gets its name, and after that (when its folder is opened to be flushed), before the commit.
    global seen
    if (name == "os.rename") if moment == "before" else (name == "open" and str(arguments[0]) == folder):
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)


options = StreamOptions(brokers, topic, f"g-{topic}", "tests", batch_messages=37, linger_seconds=5)
with CallStream(options, Path(folder)) as stream:
    sys.addaudithook(hook)
    stream.take_waiting()
"""


def test_killed_at_any_moment_the_lake_ends_the_same(broker: Broker, tmp_path: Path) -> None:
    messages = [m for n, m in enumerate(CALLS) for m in ([m, b"broken %d" % n] if n % 50 == 0 else [m])]
    topic = broker.new_topic(messages, partitions=2)
    take(
        tmp_path / "whole",
        CallStream(options(broker, topic, group="undisturbed"), opened(tmp_path / "whole").home.path / "inbox"),
    )
    folder = opened(tmp_path / "killed").home.path / "inbox"
    for moment, number in (("after", 1), ("before", 2), ("after", 3)):
        child = [sys.executable, "-c", CHILD, broker.address, topic, str(folder), moment, str(number)]
        assert subprocess.run(child, timeout=60, check=False).returncode == -signal.SIGKILL
    written = files(tmp_path / "killed")
    assert len(written) >= 3
    stream = CallStream(options(broker, topic), folder)
    with stream:
        stream.take_waiting()
    assert stream.taken.messages < len(messages), "what was committed is not delivered again"
    found = files(tmp_path / "killed")
    assert not list(folder.glob(".*")), "what was half written is gone"
    assert set(written) <= set(found), "what is delivered again is cut as before, into the same files"
    lines = [line for file in found for line in file.read_bytes().splitlines()]
    assert sorted(lines) == sorted(messages), "no message twice, none missing"
    take(tmp_path / "killed", CallStream(options(broker, topic), folder))
    assert said(tmp_path / "killed") == said(tmp_path / "whole")
    assert len(said(tmp_path / "whole")["quarantine"]) == 10


def test_what_is_no_call_is_quarantined_or_counted(broker: Broker, tmp_path: Path) -> None:
    pretty = json.dumps(
        {"type": "track", "event": "Nice", "anonymousId": "d1", "messageId": "pretty", "sentAt": "2026-03-01T00:00:00Z"}, indent=2
    )
    undated = json.dumps({"type": "track", "event": "Undated", "anonymousId": "d1"}).encode()
    large = call(1, messageId="large", context={"padding": "x" * 40_000})
    bad = [b"not json", b"two\nlines", b"\xff\xfe\x00", b"[1, 2]", b'{"type": "party", "anonymousId": "d"}']
    topic = broker.new_topic([*bad, None, b"", b" \n", pretty.encode(), undated, undated, large, call(2)])
    stream = CallStream(options(broker, topic), opened(tmp_path / "home").home.path / "inbox")
    take(tmp_path / "home", stream)
    assert (stream.taken.messages, stream.taken.empty, stream.taken.files) == (13, 3, 1)
    with opened(tmp_path / "home").connection() as connection:
        events = dict(connection.sql('SELECT event_id, "at" IS NOT NULL FROM events').fetchall())
        raw = [row[0] for row in connection.sql("SELECT raw FROM quarantine").fetchall()]
    assert {"pretty", "large", "m2"} <= set(events)
    assert len(events) == 5, "what was sent twice without id and time happened twice"
    assert all(events.values())
    assert len(raw) == len(bad)
    assert any("base64://4A" in text for text in raw)
    assert any("two" in text and "lines" in text for text in raw)


def test_sigterm_commits_what_was_written(broker: Broker, tmp_path: Path) -> None:
    topic = broker.new_topic(CALLS[:60])
    tessera = Tessera(tmp_path / "home", settings(broker, topic))
    with subprocess.Popen(
        tessera.command("worker"), env=tessera.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        try:
            eventually(lambda: bool(files(tmp_path / "home")))
            worker.send_signal(signal.SIGTERM)
            out, err = worker.communicate(timeout=120)
        finally:
            worker.kill()
    assert (worker.returncode, out, err) == (0, "", "")
    with inbox_stream(tmp_path / "home", broker, topic) as stream:
        assert stream.take_waiting().messages == 0
    assert sum(len(file.read_bytes().splitlines()) for file in files(tmp_path / "home")) == 60


def test_a_topic_that_is_not_there(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(StreamRefused, match=rf"^Kafka at {broker.address} refuses: there is no topic nowhere; create it, or set"):
        CallStream(options(broker, "nowhere"), tmp_path)


def test_no_broker_at_the_start(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    started = time.monotonic()
    line = Tessera(tmp_path / "home", {"KAFKA": address}).refuses("worker", "--once")
    assert re.fullmatch(rf"Kafka at {address} does not answer \(Connection refused\); start it, or check TESSERA_KAFKA", line)
    assert time.monotonic() - started < 90


def test_a_broker_that_hangs_does_not_hold_the_end_up(broker: Broker, tmp_path: Path) -> None:
    topic = broker.new_topic(CALLS[:10])
    stop = threading.Event()
    assert broker.process is not None
    stream = CallStream(options(broker, topic, linger_seconds=600), tmp_path / "inbox")
    thread = threading.Thread(target=stream.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: stream.taken.messages == 10)
        broker.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        stop.set()
        thread.join(timeout=60)
        stream.close()
        assert time.monotonic() - started < 20
        assert len(files(tmp_path)) == 1, "what was polled is written, and delivered again, since its commit was not answered"
    finally:
        stop.set()
        broker.process.send_signal(signal.SIGCONT)
        thread.join(timeout=60)


def test_a_broker_that_goes_and_comes_back_and_goes(broker: Broker, tmp_path: Path) -> None:
    topic = broker.new_topic(CALLS[:10])
    stop, failed = threading.Event(), list[BaseException]()
    folder = tmp_path / "inbox"

    def work() -> None:
        try:
            with CallStream(options(broker, topic, patience_seconds=120), folder) as stream:
                stream.run(stop)
        except StreamUnavailable as error:
            failed.append(error)

    def lines() -> int:
        return sum(len(file.read_bytes().splitlines()) for file in files(tmp_path))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        eventually(lambda: lines() == 10)
        broker.kill()
        time.sleep(2)
        broker.start()
        broker.produce(topic, CALLS[10:20])
        eventually(lambda: lines() == 20)
        assert not failed
    finally:
        stop.set()
        thread.join(timeout=60)
    assert not thread.is_alive()

    stream = CallStream(options(broker, topic, patience_seconds=8), folder)
    with stream:
        assert stream.take_waiting().messages == 0, "the commits of before and after the silence are both there"
        broker.kill()
        started = time.monotonic()
        with pytest.raises(StreamUnavailable, match="does not answer"):
            stream.run(threading.Event())
    assert time.monotonic() - started < 60
