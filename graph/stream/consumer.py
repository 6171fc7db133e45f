"""The consumer itself: polls Kafka, gathers micro-batches, writes them, then commits their offsets.

The client reconnects by itself; what is bounded here is for how long. While no broker answers nothing is committed, since
librdkafka's commit would wait for most of a minute: what is written already waits for a later commit, or is delivered again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from graph.errors import MissingExtra, SettingsError
from graph.stream.batches import Batch, waiting_ranges
from graph.stream.errors import StreamRefused, StreamUnavailable
from graph.stream.lines import line_of
from graph.stream.options import StreamOptions

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

__all__ = ["CallStream", "Taken"]

Progress = Callable[[str, int, int], None]
_POLL_SECONDS = 0.1
_PROBE_SECONDS = 1.0
_GOODBYE_SECONDS = 5.0


@dataclass
class Taken:
    """What a stream has taken: messages of any content, those of them that had none, and files written."""

    messages: int = 0
    empty: int = 0
    files: int = 0


def _silent(what: str, done: int, total: int) -> None:
    """Progress that shows nothing."""


class CallStream:
    """Calls of one topic into one inbox folder. Used by one thread at a time; a context, which leaves everything that it wrote
    committed where Kafka answers. What was polled and is not written when an error ends it is delivered again."""

    def __init__(self, options: StreamOptions, inbox: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Connects to nothing yet. Raises MissingExtra."""
        try:
            import confluent_kafka
        except ImportError:
            raise MissingExtra("the stream consumer", "stream") from None
        self._kafka = confluent_kafka
        self._options, self._inbox, self._clock = options, inbox, clock
        self.taken = Taken()
        self._batches: dict[int, Batch] = {}
        self._cuts: dict[int, dict[int, int]] = {}
        self._written: dict[int, int] = {}  # next offset by partition, of what is in files and not yet known to be committed
        self._committing = False
        self._assigned: set[int] | None = None
        self._ended: set[int] = set()
        self._oldest = 0.0
        self._silent_since: float | None = None
        self._probed = 0.0
        self._reason = "no answer"
        self._consumer: Consumer | None = None

    def __enter__(self) -> CallStream:
        """Connect. Raises StreamUnavailable, StreamRefused, SettingsError."""
        quiet = logging.Logger("librdkafka")  # its lines on standard error say what our errors say
        quiet.addHandler(logging.NullHandler())
        own = {
            "bootstrap.servers": self._options.brokers,
            "group.id": self._options.group,
            "group.instance.id": self._options.member,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "error_cb": self._on_error,
            "on_commit": self._on_commit,
        }
        # Memory for messages that wait in the client; librdkafka's default is 64 MB. A larger message passes all the same.
        modest = {"client.id": "tessera", "queued.max.messages.kbytes": 16_384, "reconnect.backoff.max.ms": 1_000}
        try:
            self._consumer = self._kafka.Consumer({**modest, **self._options.properties, **own}, logger=quiet)
        except self._kafka.KafkaException as error:
            named = [name for name in self._options.properties if f'"{name}"' in str(error)]
            raise SettingsError(
                f"the Kafka client refuses {', '.join(named) or 'its configuration'}; correct TESSERA_KAFKA_PROPERTIES"
            ) from None
        try:
            self._greet()
            self._consumer.subscribe([self._options.topic], self._on_assign, self._on_revoke, self._on_lost)
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave Kafka."""
        self._client.close()

    def run(self, stop: threading.Event) -> None:
        """Take messages until `stop` is set, then write and commit what was polled. Raises StreamUnavailable, StreamRefused,
        HomeNotWritable."""
        self._take(stop.is_set, lambda: None)

    def take_waiting(self, progress: Progress = _silent) -> Taken:
        """Take what is in the topic now. Raises as `run`; what was written until then stays."""
        ends: dict[int, int] = {}
        begins: dict[int, int] = {}

        def caught_up() -> bool:
            if self._assigned is None:
                return False
            for partition in self._assigned - ends.keys():
                begins[partition], ends[partition] = self._range(partition)
            waiting = {p for p in self._assigned if begins[p] < ends[p]}
            return all(p in self._ended or self._next(p, begins[p]) >= ends[p] for p in waiting)

        def show() -> None:
            total = max(self.taken.messages, sum(max(0, ends[p] - begins[p]) for p in ends))
            progress("take calls from Kafka", self.taken.messages, total)

        self._take(caught_up, show)
        return self.taken

    @property
    def _client(self) -> Consumer:
        if self._consumer is None:
            raise RuntimeError("a CallStream is used as a context")
        return self._consumer

    def _take(self, enough: Callable[[], bool], show: Callable[[], None]) -> None:
        started = self._clock()
        while not self._answering(enough):
            message = self._client.poll(_POLL_SECONDS)
            now = self._clock()
            if message is not None:
                self._add(message, now)
            if self._batches and now - self._oldest >= self._options.linger_seconds:
                self._flush(list(self._batches))
                show()
            elif self._written and not self._committing:
                self._commit()
            self._mind(now, started)
        self._flush(list(self._batches))
        show()
        deadline = self._clock() + _GOODBYE_SECONDS
        while self._written and self._silent_since is None and self._clock() < deadline:
            self._client.poll(_POLL_SECONDS)  # what it gives is delivered again: its offset is committed by nobody
            if not self._committing:
                self._commit()

    def _answering(self, enough: Callable[[], bool]) -> bool:
        """Whether it is enough; a question to Kafka that was not answered is asked again."""
        try:
            return enough()
        except self._kafka.KafkaException as error:
            self._note(error.args[0])
            return False

    def _next(self, partition: int, begin: int) -> int:
        """Offset after the last message polled; `begin` before the first."""
        position = self._client.position([self._kafka.TopicPartition(self._options.topic, partition)])[0].offset
        return int(position) if position >= 0 else begin

    def _range(self, partition: int) -> tuple[int, int]:
        """Offsets of the first message to take and of the one after the last that is there."""
        place = self._kafka.TopicPartition(self._options.topic, partition)
        low, high = self._client.get_watermark_offsets(place, timeout=self._options.start_seconds)
        committed = self._client.committed([place], timeout=self._options.start_seconds)[0].offset
        return (committed if low <= committed <= high else low), high

    def _add(self, message: Message, now: float) -> None:
        error = message.error()
        partition, offset = message.partition(), message.offset()
        if error is not None:
            if error.code() == self._kafka.KafkaError._PARTITION_EOF:
                self._ended.add(partition)
            else:
                self._note(error)
            return
        self._silent_since = None
        kind, milliseconds = message.timestamp()
        at = milliseconds if kind != self._kafka.TIMESTAMP_NOT_AVAILABLE else None
        line = line_of(message.value(), at, lambda: f"kafka-{self._options.topic}-{partition}-{offset}-{at}")
        if not self._batches:
            self._oldest = now
        batch = self._batches.setdefault(partition, Batch(partition, offset))
        batch.add(offset, line)
        self.taken.messages += 1
        self.taken.empty += line is None
        full = batch.messages >= self._options.batch_messages or batch.size >= self._options.batch_bytes
        if full or offset == self._cuts.get(partition, {}).get(batch.first):
            self._flush([partition])

    def _flush(self, partitions: Sequence[int]) -> None:
        """Write the batches of some partitions, then commit their offsets."""
        for partition in partitions:
            batch = self._batches[partition]
            self.taken.files += batch.write(self._inbox, self._options.topic) is not None
            del self._batches[partition]
            self._written[partition] = batch.last + 1
        if self._written and not self._committing:
            self._commit()

    def _commit(self) -> None:
        """Ask for a commit of what is written; `_on_commit` gets the answer. Without a broker, later."""
        if self._silent_since is None:
            topic = self._options.topic
            offsets = [self._kafka.TopicPartition(topic, partition, offset) for partition, offset in self._written.items()]
            try:
                self._client.commit(offsets=offsets, asynchronous=True)
                self._committing = True
            except self._kafka.KafkaException as error:
                self._note(error.args[0])

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        self._committing = False
        if error is not None:
            self._note(error)
            return
        for place in partitions:
            if place.error is None and self._written.get(place.partition) == place.offset:
                del self._written[place.partition]

    def _on_assign(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        self._assigned = {place.partition for place in places}
        self._ended -= self._assigned
        self._cuts = {p: waiting_ranges(self._inbox, self._options.topic, p) for p in self._assigned}

    def _on_revoke(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        """Another member of the group is to go on behind what we have written."""
        self._flush(list(self._batches))
        self._forget(places)

    def _on_lost(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._batches.pop(place.partition, None)
        self._forget(places)

    def _forget(self, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._written.pop(place.partition, None)
        self._assigned = (self._assigned or set()) - {place.partition for place in places}

    def _on_error(self, error: KafkaError) -> None:
        self._note(error)

    def _note(self, error: Any) -> None:
        """What an error means: refused for good, or silence, of which `_mind` decides how long it may last. Raises
        StreamRefused."""
        codes = self._kafka.KafkaError
        address, code = self._options.brokers, error.code()
        if code in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC):
            raise StreamRefused(address, f"there is no topic {self._options.topic}", "create it, or set TESSERA_KAFKA_TOPIC")
        if code in (codes.TOPIC_AUTHORIZATION_FAILED, codes.GROUP_AUTHORIZATION_FAILED, codes.CLUSTER_AUTHORIZATION_FAILED):
            raise StreamRefused(
                address,
                f"no permission ({error.name()})",
                f"allow reading topic {self._options.topic} and group {self._options.group}",
            )
        if code in (codes._AUTHENTICATION, codes.SASL_AUTHENTICATION_FAILED):
            raise StreamRefused(address, "the credentials are wrong", "correct TESSERA_KAFKA_PROPERTIES")
        if error.fatal():
            raise StreamRefused(
                address, f"this member was shut out ({error.name()})", "run one worker for each home, or set TESSERA_KAFKA_GROUP"
            )
        if code in (codes._TRANSPORT, codes._RESOLVE, codes._SSL):
            self._reason = error.str().rsplit(": ", 1)[-1].split(" (")[0]
        if code in (codes._ALL_BROKERS_DOWN, codes._RESOLVE, codes._SSL) and self._silent_since is None:
            self._silent_since = self._clock()

    def _greet(self) -> None:
        """See that Kafka answers and has the topic."""
        deadline = self._clock() + self._options.start_seconds
        while not self._answers(min(_PROBE_SECONDS, self._options.start_seconds)):
            if self._clock() >= deadline:
                raise StreamUnavailable(self._options.brokers, self._reason)
        self._silent_since = None

    def _answers(self, seconds: float) -> bool:
        try:
            found = self._client.list_topics(self._options.topic, timeout=seconds).topics[self._options.topic]
        except self._kafka.KafkaException as error:
            self._client.poll(0)  # lets the client say why
            self._note(error.args[0])
            return False
        if found.error is not None:
            self._note(found.error)
        return found.error is None

    def _mind(self, now: float, started: float) -> None:
        """Ask a silent Kafka whether it is back, now and then. Raises StreamUnavailable when patience is over."""
        patience = self._options.patience_seconds
        if self._silent_since is not None and now - self._probed >= _PROBE_SECONDS:
            if self._answers(_PROBE_SECONDS):
                self._silent_since = None
            elif now - self._silent_since >= patience:
                raise StreamUnavailable(self._options.brokers, self._reason)
            self._probed = self._clock()
        if self._assigned is None and now - started >= patience:
            raise StreamUnavailable(self._options.brokers, f"no partition of {self._options.topic} was given out")
