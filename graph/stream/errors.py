"""What goes wrong between the stream consumer and Kafka. Part of the tree of `graph.errors`."""

from __future__ import annotations

from graph.errors import TesseraError

__all__ = ["StreamRefused", "StreamUnavailable"]


class StreamUnavailable(TesseraError):
    """Kafka does not answer; worth another try. What was written to the inbox stays, the rest is still in Kafka."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"Kafka at {address} does not answer ({reason}); start it, or check TESSERA_KAFKA")


class StreamRefused(TesseraError):
    """Kafka answers and refuses: no such topic, no permission, wrong credentials. The message never holds those."""

    def __init__(self, address: str, reason: str, advice: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"Kafka at {address} refuses: {reason}; {advice}")
