"""The consumer itself: polls Kafka, gathers micro-batches, writes them, then commits their offsets.

While no broker answers nothing is committed, since librdkafka's commit would wait for most of a minute: what is written waits
for a later commit, or is delivered again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from graph.progress import Progress, ignore_progress
from graph.stream.batches import Batch, remove_unfinished, waiting_ranges
from graph.stream.connection import Connection
from graph.stream.errors import StreamUnavailable
from graph.stream.lines import line_of
from graph.stream.options import StreamOptions

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

__all__ = ["CallStream", "Taken"]

_POLL_SECONDS = 0.1
_GOODBYE_SECONDS = 3.0


@dataclass
class Taken:
    """What a stream has taken: messages, those of them without content, and files written."""

    messages: int = 0
    empty: int = 0
    files: int = 0


class CallStream:
    """Calls of one topic into one inbox folder. Connected from its making to `close`; one thread at a time may use it. What was
    polled and not written when an error ends it is delivered again."""

    def __init__(self, options: StreamOptions, inbox: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Connect. Raises MissingExtra, SettingsError, StreamUnavailable, StreamRefused."""
        self.taken = Taken()
        self._options, self._inbox, self._clock = options, inbox, clock
        self._batches: dict[int, Batch] = {}
        self._oldest = 0.0  # when the first message of the batches came
        self._cuts: dict[int, dict[int, int]] = {}
        self._positions: dict[int, int] = {}
        self._written: dict[int, int] = {}  # next offset by partition, of what is in files and not yet known to be committed
        self._committing = False
        self._assigned: set[int] | None = None
        self._unassigned_since = clock()
        self._ended: set[int] = set()
        self._connection = Connection(options, self._on_commit, clock)
        self._kafka, self._client = self._connection.kafka, self._connection.client
        remove_unfinished(inbox)
        self._client.subscribe([options.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def __enter__(self) -> CallStream:
        """The stream."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Leave Kafka, within seconds. What is not known to be committed by now is delivered again."""
        self._batches.clear()
        self._written.clear()
        # librdkafka waits for the answer to a commit, which a broker that hangs never gives; nothing depends on the goodbye.
        goodbye = threading.Thread(target=self._client.close, name="kafka-goodbye", daemon=True)
        goodbye.start()
        goodbye.join(_GOODBYE_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Take messages until `stop` is set, then write and commit what was polled. Raises StreamUnavailable, StreamRefused,
        HomeNotWritable."""
        self._take(stop.is_set, ignore_progress)

    def take_waiting(self, progress: Progress = ignore_progress) -> Taken:
        """Take what is in the topic now. Raises as `run`; what was written until then stays."""
        ranges: dict[int, tuple[int, int]] = {}

        def caught_up() -> bool:
            if self._assigned is None:
                return False
            for partition in self._assigned - ranges.keys():
                ranges[partition] = self._waiting(partition)
            # The last offsets may be of markers and of messages compacted away: then only the end of the partition is told.
            return all(
                begin >= end or p in self._ended or self._positions.get(p, begin) >= end
                for p, (begin, end) in ranges.items()
                if p in self._assigned
            )

        def show(what: str, done: int, total: int) -> None:
            progress(what, done, total or max(done, sum(max(0, end - begin) for begin, end in ranges.values())))

        self._take(caught_up, show)
        return self.taken

    def _take(self, enough: Callable[[], bool], progress: Progress) -> None:
        what = "take calls from Kafka"
        while not self._is(enough):
            message = self._client.poll(_POLL_SECONDS)
            if message is not None:
                self._add(message)
            if self._batches and self._clock() - self._oldest >= self._options.linger_seconds:
                self._flush([p for p, batch in self._batches.items() if self._cut(batch) is None])
                progress(what, self.taken.messages, 0)
            self._commit()
            self._connection.mind()
            if self._assigned is None and self._clock() - self._unassigned_since >= self._options.patience_seconds:
                raise StreamUnavailable(self._options.brokers, f"no partition of {self._options.topic} was given out")
        self._flush(list(self._batches))
        progress(what, self.taken.messages, self.taken.messages)
        deadline = self._clock() + _GOODBYE_SECONDS
        while self._written and not self._connection.silent and self._clock() < deadline:
            self._commit()
            self._client.poll(_POLL_SECONDS)  # a message that this gives is delivered again: nobody commits its offset

    def _is(self, enough: Callable[[], bool]) -> bool:
        """Whether it is enough; what Kafka did not answer is asked again."""
        try:
            return enough()
        except self._kafka.KafkaException as error:
            self._connection.note(error.args[0])
            return False

    def _waiting(self, partition: int) -> tuple[int, int]:
        """Offsets of the first message to take and of the one after the last that is there."""
        place = self._kafka.TopicPartition(self._options.topic, partition)
        low, high = self._client.get_watermark_offsets(place, timeout=self._options.start_seconds)
        committed = self._client.committed([place], timeout=self._options.start_seconds)[0].offset
        return (committed if low <= committed <= high else low), high

    def _add(self, message: Message) -> None:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None:
            if error.code() == self._kafka.KafkaError._PARTITION_EOF:
                self._ended.add(partition)
                self._cuts.pop(partition, None)  # what was cut there once is not all there any more, or has been passed
            else:
                self._connection.note(error)
            return
        self._connection.heard()
        kind, milliseconds = message.timestamp()
        at = milliseconds if kind != self._kafka.TIMESTAMP_NOT_AVAILABLE else None
        line = line_of(message.value(), at, lambda: f"kafka-{self._options.topic}-{partition}-{offset}-{at}")
        if not self._batches:
            self._oldest = self._clock()
        batch = self._batches.setdefault(partition, Batch(partition, offset))
        batch.add(offset, line)
        self._positions[partition] = offset + 1
        self.taken.messages += 1
        self.taken.empty += line is None
        cut = self._cut(batch)
        full = batch.messages >= self._options.batch_messages or batch.size >= self._options.batch_bytes
        if full or (cut is not None and offset >= cut):
            self._flush([partition])

    def _cut(self, batch: Batch) -> int | None:
        """Last offset of a file that begins as this batch does: a batch that is delivered again ends there too, however long that
        takes."""
        return self._cuts.get(batch.partition, {}).get(batch.first)

    def _flush(self, partitions: Iterable[int]) -> None:
        """Write the batches of some partitions; only then are their offsets there to be committed."""
        for partition in partitions:
            batch = self._batches[partition]
            self.taken.files += batch.write(self._inbox, self._options.topic) is not None
            self._written[partition] = batch.last + 1
            del self._batches[partition]

    def _commit(self, wait: bool = False) -> None:
        """Ask for a commit of what is written, unless one is under way or nobody answers; `_on_commit` gets the answer."""
        if not self._written or (self._committing and not wait) or self._connection.silent:
            return
        places = [self._kafka.TopicPartition(self._options.topic, p, offset) for p, offset in self._written.items()]
        try:
            self._client.commit(offsets=places, asynchronous=not wait)
            self._committing = not wait
        except self._kafka.KafkaException as error:
            self._connection.note(error.args[0])

    def _on_commit(self, error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
        self._committing = False
        if error is not None:
            self._connection.note(error)
            return
        for place in places:
            if place.error is None and self._written.get(place.partition) == place.offset:
                del self._written[place.partition]

    def _on_assign(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        self._assigned = {place.partition for place in places}
        for place in places:
            self._ended.discard(place.partition)
            self._cuts[place.partition] = waiting_ranges(self._inbox, self._options.topic, place.partition)

    def _on_revoke(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        """Another member of the group is to go on behind what is written here."""
        self._commit(wait=True)
        self._on_lost(_, places)

    def _on_lost(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        """All partitions are taken away, as the client's eager assignors do; the next assignment may bring them back."""
        for place in places:
            self._batches.pop(place.partition, None)
            self._written.pop(place.partition, None)
            self._positions.pop(place.partition, None)
        self._assigned, self._unassigned_since = None, self._clock()
