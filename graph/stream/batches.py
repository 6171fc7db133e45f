"""Micro-batches of one partition, and the inbox file of each.

The name says topic, partition, first and last offset, and a hash of the content. A batch that is delivered again therefore
writes the same file, and a topic that was deleted and made anew, whose offsets begin at 0 again, never overwrites what waits.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import HomeNotWritable
from graph.files import replace_file

__all__ = ["Batch", "remove_unfinished", "waiting_ranges"]

_NAME = re.compile(r"(?P<first>\d{20})-(?P<last>\d{20})-[0-9a-f]{12}\.segment\.jsonl")
_LONGEST_TOPIC = 100  # a file name has at most 255 bytes, a topic's 249


def _stem(topic: str, partition: int) -> str:
    if len(topic) > _LONGEST_TOPIC:
        topic = f"{topic[:_LONGEST_TOPIC]}~{hashlib.sha256(topic.encode()).hexdigest()[:12]}"
    return f"kafka-{topic}-{partition}-"


@dataclass
class Batch:
    """Consecutive messages of a partition: `lines` of those with content, offsets of all."""

    partition: int
    first: int
    last: int = -1
    messages: int = 0
    size: int = 0
    lines: list[bytes] = field(default_factory=list)

    def add(self, offset: int, line: bytes | None) -> None:
        """Take a message; None where it has no content."""
        self.last = offset
        self.messages += 1
        if line is not None:
            self.lines.append(line)
            self.size += len(line)

    def write(self, folder: Path, topic: str) -> Path | None:
        """Write the file, unless no message had content. Raises HomeNotWritable."""
        if not self.lines:
            return None
        content = b"".join(self.lines)
        digest = hashlib.sha256(content).hexdigest()[:12]
        file = folder / f"{_stem(topic, self.partition)}{self.first:020d}-{self.last:020d}-{digest}.segment.jsonl"
        try:
            folder.mkdir(exist_ok=True)
            replace_file(file, content, mode=0o600)
        except OSError as error:
            raise HomeNotWritable(folder, error.strerror or type(error).__name__) from error
        return file


def waiting_ranges(folder: Path, topic: str, partition: int) -> dict[int, int]:
    """Last offset by first offset of the files of a partition that wait in the inbox."""
    stem = _stem(topic, partition)
    names = (file.name for file in folder.iterdir()) if folder.is_dir() else iter(())
    found = (_NAME.fullmatch(name, len(stem)) for name in names if name.startswith(stem))
    return {int(match["first"]): int(match["last"]) for match in found if match}


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process was writing; its messages are delivered again. The home's writer lock is the caller's."""
    for file in folder.glob(".kafka-*.part"):
        file.unlink(missing_ok=True)
