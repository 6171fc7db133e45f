"""A real Kafka broker for tests: one KRaft node from Maven Central's jars, run by the machine's Java on free ports of 127.0.0.1.

Where Java 17 and Maven are there, a broker that does not start fails the tests that need it; without them they are skipped, with
the reason.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from filelock import FileLock

from graph.errors import ServerError
from graph.store.server.install import default_cache
from graph.store.server.java import find_java

VERSION = "3.9.1"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tessera</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version>
  </plugin></plugins></build>
</project>
"""
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""
_START_SECONDS = 60.0


def jars() -> Path:
    """Folder of the jars in the per-user cache, whole or not there; filled at first use."""
    folder = default_cache() / f"kafka-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part") as work:
                (Path(work) / "pom.xml").write_text(_POM)
                goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
                done = subprocess.run(
                    ["mvn", "-q", "--batch-mode", *goal], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL
                )
                assert done.returncode == 0, f"Maven could not fetch Kafka {VERSION}:\n{done.stdout[-2000:]}"
                os.replace(Path(work) / "lib", folder)
    return folder


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


@dataclass
class Broker:
    """One broker over one folder. `address` stays the same when it is started again."""

    folder: Path
    address: str
    process: subprocess.Popen[bytes] | None = None

    def java(self, main: str, *arguments: str) -> list[str]:
        small = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        return ["java", *small, "-cp", f"{jars()}/*", main, *arguments]

    def start(self) -> None:
        """Start, unless it runs, and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.java("kafka.Kafka", "server.properties"), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        host, port = self.address.split(":")
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"Kafka {VERSION} did not start:\n{(self.folder / 'broker.log').read_text()[-3000:]}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def new_topic(self, messages: Sequence[bytes | None] = (), partitions: int = 1) -> str:
        """A topic of its own, with messages in turn on its partitions."""
        from confluent_kafka.admin import AdminClient, NewTopic

        topic = f"calls-{uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])[topic].result(30)
        self.produce(topic, messages, partitions)
        return topic

    def produce(self, topic: str, messages: Sequence[bytes | None], partitions: int = 1) -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.address})
        failed: list[str] = []
        for number, value in enumerate(messages):
            producer.produce(
                topic,
                value,
                partition=number % partitions,
                on_delivery=lambda error, _: failed.append(str(error)) if error else None,
            )
        assert producer.flush(30) == 0
        assert not failed


def made(folder: Path) -> Broker:
    """A broker over an empty folder, not started. Skips where this machine has nothing to run one with."""
    if shutil.which("mvn") is None:
        pytest.skip("no Kafka broker can run here: there is no mvn in PATH")
    try:
        find_java()
    except ServerError as error:
        pytest.skip(f"no Kafka broker can run here: {error}")
    client, controller = free_ports(2)
    (folder / "server.properties").write_text(_PROPERTIES.format(client=client, controller=controller))
    broker = Broker(folder, f"127.0.0.1:{client}")
    format_storage = broker.java("kafka.tools.StorageTool", "format", "-t", "dGVzc2VyYS10ZXN0cy0xMQ", "-c", "server.properties")
    done = subprocess.run(format_storage, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return broker
