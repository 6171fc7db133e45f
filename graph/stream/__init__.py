"""The stream consumer: tracking calls of a Kafka topic in, `*.segment.jsonl` files in the home's inbox folder out.

Each message is one call of the Segment spec, as JSON. Messages are gathered into micro-batches, one file for each partition and
range of offsets, written whole or not at all (`graph.files.replace_file`); the offsets are committed only after that. So a call
is delivered at least once: a process that is killed in between takes the messages again, cuts them where it cut them before and
writes the same files again, and ingest knows events by their ids, so that the lake ends the same. What ingest cannot read is
written all the same, for ingest to quarantine; only messages without content are left out, and counted.

One consumer group for each home, and one static member in it, since one process writes a home: a restarted worker gets its
partitions back at once. Needs the extra `stream`.
"""

from graph.stream.consumer import CallStream
from graph.stream.errors import StreamRefused, StreamUnavailable
from graph.stream.options import StreamOptions, read_properties

__all__ = ["CallStream", "StreamOptions", "StreamRefused", "StreamUnavailable", "read_properties"]
