"""What makes an audience sensitive: sensitive tags, and contents that are about one. In: tags, the lake, the model's tags of
contents. Out: a container of texts as they stand in kept definitions.

Whoever asks for the readers of one article about an illness asks for the illness.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from api.audiences.definition import CONTENT_PREFIX

__all__ = ["SensitiveTexts"]

_LEAST_SCORE = 0.5
"""Threat: a content that a model finds to be about a sensitive tag. Unit: probability; a category of the input always counts."""


class SensitiveTexts:
    """Contains ids and names of sensitive tags, and `content:ID` of contents about them. Safe to share between threads."""

    def __init__(
        self, tags: frozenset[str], about: Callable[[], pa.Table], connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> None:
        """`about` gives the model's tags of contents, after `graph.interests.ABOUT`; contents are read at the first question
        about one."""
        self._tags = tags
        self._about = about
        self._connect = connect
        self._reading = Lock()
        self._contents: frozenset[str] | None = None

    def __contains__(self, text: object) -> bool:
        if text in self._tags:
            return True
        if not (self._tags and isinstance(text, str) and text.startswith(CONTENT_PREFIX)):
            return False
        with self._reading:
            if self._contents is None:
                self._contents = self._read()
            return text.removeprefix(CONTENT_PREFIX) in self._contents

    def _read(self) -> frozenset[str]:
        about = self._about()
        likely = pc.greater_equal(about["score"], _LEAST_SCORE)
        tagged = pc.is_in(about["tag_id"], value_set=pa.array(sorted(self._tags), pa.string()))
        found = about["content_id"].filter(pc.and_(likely, tagged)).to_pylist()
        with self._connect() as connection:
            listed = connection.execute(
                "SELECT content_id FROM contents WHERE list_has_any(category, $tags)", {"tags": sorted(self._tags)}
            ).fetchall()
        return frozenset(found) | {content for (content,) in listed}
