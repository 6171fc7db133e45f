"""An audience as OpenRTB user objects: JSON lines with a pseudonym and the segments that stand for the whole audience.

Format: IAB Tech Lab, OpenRTB 2.6, objects User, Data and Segment (sections 3.2.20 to 3.2.22), with the community extension
`segtax` for the taxonomy: 4 is Audience Taxonomy 1.1, 9 is Content Taxonomy 3.1. Every line has the same `data`: what one person
has beside the audience is not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from graph.errors import InputError
from graph.export.manifest import Manifest, write_manifest
from graph.export.opening import opened
from graph.export.partial import write_whole
from graph.privacy.payloads import AudienceRows, Segment
from graph.privacy.released import Released

__all__ = ["openrtb_chunks", "write_openrtb"]

_PROVIDER = "tessera"
_LINES = 10_000


def write_openrtb(released: Released[AudienceRows], path: Path) -> Manifest:
    """Write the file and its manifest. Raises InputError for another suffix than `.jsonl` or an audience without segments,
    HomeNotWritable."""
    rows = opened(released, AudienceRows)
    if path.suffix != ".jsonl":
        raise InputError(f"{path}: an OpenRTB file is .jsonl")
    write_whole(path, openrtb_chunks(released))
    facts = {
        "export": rows.export_id,
        "audience": rows.audience_id,
        "recipient": rows.recipient,
        "format": "OpenRTB 2.6 user.data",
        "data": _data(rows.audience_id, rows.segments),
    }
    return write_manifest(path, {"people": len(rows.pseudonyms)}, facts, rows.left_out)


def openrtb_chunks(released: Released[AudienceRows]) -> Iterator[bytes]:
    """The file's content in pieces. Raises InputError for an audience without segments."""
    rows = opened(released, AudienceRows)
    if not rows.segments:
        raise InputError("no segment of a standard taxonomy stands for this audience; name one")
    return _chunks(rows)


def _chunks(rows: AudienceRows) -> Iterator[bytes]:
    data = json.dumps(_data(rows.audience_id, rows.segments), ensure_ascii=False, separators=(",", ":"))
    for start in range(0, len(rows.pseudonyms), _LINES):
        names = rows.pseudonyms.slice(start, _LINES).to_pylist()
        yield "".join(f'{{"user":{{"id":"{name}","data":{data}}}}}\n' for name in names).encode()


def _data(audience_id: str, segments: tuple[Segment, ...]) -> list[dict[str, object]]:
    """One Data object for each taxonomy."""
    ordered = sorted(segments, key=lambda s: (s.segtax, s.segment_id))
    return [
        {
            "id": audience_id,
            "name": _PROVIDER,
            "segment": [{"id": s.segment_id, "name": s.name} for s in group],
            "ext": {"segtax": segtax},
        }
        for segtax, group in groupby(ordered, key=lambda s: s.segtax)
    ]
