"""The line to Kafka: a librdkafka consumer that is opened, listened to while it is silent, and closed.

The client reconnects by itself and for ever; what is decided here is what an error means and for how long Kafka may be silent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graph.errors import MissingExtra, SettingsError
from graph.stream.errors import StreamRefused, StreamUnavailable
from graph.stream.options import StreamOptions

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

__all__ = ["Connection"]

PROBE_SECONDS = 1.0


class Connection:
    """A connected consumer, `client`. `silent` while no broker answers; ask for nothing that waits for an answer then."""

    def __init__(
        self, options: StreamOptions, on_commit: Callable[..., None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Connect, and see that Kafka answers and has the topic. Raises MissingExtra, SettingsError, StreamUnavailable,
        StreamRefused."""
        try:
            import confluent_kafka
        except ImportError:
            raise MissingExtra("the stream consumer", "stream") from None
        self.kafka = confluent_kafka
        self._options, self._clock = options, clock
        self._silent_since: float | None = None
        self._probed = clock()
        self._reason = "no answer"
        self._refused: StreamRefused | None = None
        self.client = self._open(on_commit)
        try:
            self._greet()
        except BaseException:
            self.client.close()
            raise

    @property
    def silent(self) -> bool:
        """Whether no broker answers at present, as far as is known."""
        return self._silent_since is not None

    def _open(self, on_commit: Callable[..., None]) -> Consumer:
        quiet = logging.Logger("librdkafka")  # its lines on standard error say what our errors say
        quiet.addHandler(logging.NullHandler())
        # Memory for messages that wait in the client: librdkafka's default is 64 MB. A larger message passes all the same.
        modest = {"client.id": "tessera", "queued.max.messages.kbytes": 16_384, "reconnect.backoff.max.ms": 1_000}
        ours = {
            "bootstrap.servers": self._options.brokers,
            "group.id": self._options.group,
            "group.instance.id": self._options.member,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "error_cb": self.note,
            "on_commit": on_commit,
        }
        try:
            return self.kafka.Consumer({**modest, **self._options.properties, **ours}, logger=quiet)
        except self.kafka.KafkaException as error:
            named = [name for name in self._options.properties if f'"{name}"' in str(error)]
            raise SettingsError(
                f"the Kafka client refuses {', '.join(named) or 'its configuration'}; correct TESSERA_KAFKA_PROPERTIES"
            ) from None

    def _greet(self) -> None:
        deadline = self._clock() + self._options.start_seconds
        while not self._answers():
            if self._clock() >= deadline:
                raise StreamUnavailable(self._options.brokers, self._reason)
        self._silent_since = None

    def _answers(self) -> bool:
        """Ask for the topic, for a second at most."""
        try:
            found = self.client.list_topics(self._options.topic, timeout=PROBE_SECONDS).topics[self._options.topic]
        except self.kafka.KafkaException as error:
            self.client.poll(0)  # lets the client say why
            found = error.args[0]
            self.note(found)
            self._complain()
            return False
        if found.error is not None:
            self.note(found.error)
        self._complain()
        return found.error is None

    def mind(self) -> None:
        """Call this often. Asks a silent Kafka whether it is back, once a second. Raises StreamRefused, and StreamUnavailable
        when patience is over."""
        self._complain()
        if self._silent_since is None or self._clock() - self._probed < PROBE_SECONDS:
            return
        if self._answers():
            self._silent_since = None
        elif self._clock() - self._silent_since >= self._options.patience_seconds:
            raise StreamUnavailable(self._options.brokers, self._reason)
        self._probed = self._clock()

    def heard(self) -> None:
        """Kafka has sent something."""
        self._silent_since = None

    def _complain(self) -> None:
        if self._refused is not None:
            raise self._refused

    def note(self, error: KafkaError | Any) -> None:
        """Take an error in, in a callback or not: Kafka is silent, or it refuses, which the next `mind` raises, or the client
        itself deals with it."""
        codes, code = self.kafka.KafkaError, error.code()
        address, topic, group = self._options.brokers, self._options.topic, self._options.group
        if code in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC):
            self._refused = StreamRefused(address, f"there is no topic {topic}", "create it, or set TESSERA_KAFKA_TOPIC")
        elif code in (codes.TOPIC_AUTHORIZATION_FAILED, codes.GROUP_AUTHORIZATION_FAILED, codes.CLUSTER_AUTHORIZATION_FAILED):
            self._refused = StreamRefused(address, "no permission", f"let this user read topic {topic} in group {group}")
        elif code in (codes._AUTHENTICATION, codes.SASL_AUTHENTICATION_FAILED):
            self._refused = StreamRefused(address, "wrong credentials", "correct TESSERA_KAFKA_PROPERTIES")
        elif error.fatal():
            self._refused = StreamRefused(address, f"shut out ({error.name()})", "let one worker at a time use this home's group")
        elif code in (codes._TRANSPORT, codes._RESOLVE, codes._SSL) and "Local:" not in error.str():  # those only say the code
            self._reason = error.str().rsplit(": ", 1)[-1].split(" (")[0]
        elif code in (codes._ALL_BROKERS_DOWN, codes._TIMED_OUT) and self._silent_since is None:
            self._silent_since = self._clock()
