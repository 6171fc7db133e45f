"""Taxonomy files to `Taxonomy`: IAB Audience 1.1 and Content 3.1 (IAB Tech Lab, CC-BY 3.0, shipped), or one's own file.

The Audience file has CRLF line ends and an empty first column; the Content file two header rows, some ids that are no
numbers, and marks sensitive rows `SCD` in its Extension column. One's own file is CSV, JSON lines or Parquet with the
columns tag_id and name, and optionally parent_id and sensitive.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from gnn.taxonomy.model import Tag, Taxonomy
from graph.errors import InputError, SettingsError
from graph.files import read_table

__all__ = ["AUDIENCE", "CONTENT", "load", "of_strings"]

AUDIENCE = "iab-audience-1.1"
CONTENT = "iab-content-3.1"
# The file marks nothing. Health, medical, news and politics, pharmaceuticals; their namesakes under Purchase Intent; medical
# apps, religious items and music, ethnic goods. Whole subtrees.
_AUDIENCE_SENSITIVE = frozenset({"381", "466", "503", "522", "550", "765", "1095", "1344", "1448", "1555"})
_TRUE = frozenset({"1", "true", "yes", "t", "y"})


def load(name: str) -> Taxonomy:
    """The taxonomy of that name (`iab-audience-1.1`, `iab-content-3.1`) or of that file. Raises SettingsError, InputError."""
    shipped: dict[str, Callable[[], Taxonomy]] = {AUDIENCE: _audience, CONTENT: _content}
    if name in shipped:
        return shipped[name]()
    path = Path(name)
    if path.suffix and path.exists():
        return _own(path)
    raise SettingsError(f"taxonomy {name!r} is unknown; use {AUDIENCE}, {CONTENT}, or the path of a file with tag_id and name")


def of_strings(name: str, tags: Iterable[str]) -> Taxonomy:
    """Flat taxonomy in which each tag is its string, sorted. A tag that is called like a sensitive one of the IAB taxonomies is
    sensitive; of all others nothing is known."""
    sensitive = _sensitive_names()
    return Taxonomy(name, tuple(Tag(t, t, t, None, t.strip().casefold() in sensitive) for t in sorted(set(tags))))


@cache
def _sensitive_names() -> frozenset[str]:
    return frozenset(tag.name.casefold() for taxonomy in (_audience(), _content()) for tag in taxonomy if tag.sensitive)


def _rows(file: str, skip: int) -> Iterator[list[str]]:
    lines = resources.files("gnn.taxonomy.data").joinpath(file).read_text(encoding="utf-8-sig").splitlines()
    for row in csv.reader(lines[skip:], delimiter="\t", quoting=csv.QUOTE_NONE):
        yield [cell.strip() for cell in row]


def _audience() -> Taxonomy:
    tags = []
    for row in _rows("iab-audience-1.1.tsv", skip=1):
        if len(row) < 10 or not row[1]:
            continue
        tiers = [cell.rstrip("*") for cell in row[4:10] if cell]
        tags.append(Tag(row[1], tiers[-1], " | ".join(tiers), row[2] or None, row[1] in _AUDIENCE_SENSITIVE))
    return _checked(AUDIENCE, tags, "iab-audience-1.1.tsv")


def _content() -> Taxonomy:
    rows = [row for row in _rows("iab-content-3.1.tsv", skip=2) if len(row) >= 8 and row[0]]
    tags = []
    for row in rows:
        tiers = [cell for cell in row[3:7] if cell]
        name = row[2] or tiers[-1]
        tags.append(Tag(row[0], name, " | ".join(tiers or [name]), row[1] or None, "SCD" in row[7]))
    return _checked(CONTENT, tags, "iab-content-3.1.tsv")


def _own(path: Path) -> Taxonomy:
    table = read_table(path)
    for column in ("tag_id", "name"):
        if column not in table.column_names:
            raise InputError(f"{path}: a taxonomy file needs the columns tag_id and name; {column} is missing")
    names: dict[str, str] = {}
    parents: dict[str, str | None] = {}
    marked: set[str] = set()
    for number, row in enumerate(table.to_pylist(), start=1):
        tag_id, name = str(row["tag_id"] or "").strip(), str(row["name"] or "").strip()
        if not tag_id or not name:
            raise InputError(f"{path}: row {number} lacks tag_id or name; give both or remove the row")
        if tag_id in names:
            raise InputError(f"{path}: tag_id {tag_id!r} stands twice; ids must be unique")
        names[tag_id] = name
        parents[tag_id] = str(row.get("parent_id") or "").strip() or None
        if str(row.get("sensitive") or "").strip().lower() in _TRUE:
            marked.add(tag_id)
    tags = [
        Tag(i, n, " | ".join(reversed([names[a] for a in _ancestors(i, parents, path)])), parents[i], i in marked)
        for i, n in names.items()
    ]
    return _checked(path.stem, tags, str(path))


def _ancestors(tag_id: str, parents: dict[str, str | None], path: Path) -> list[str]:
    """The tag and everything above it. Raises InputError for a missing parent or a cycle."""
    chain = [tag_id]
    while (above := parents[chain[-1]]) is not None:
        if above not in parents:
            raise InputError(f"{path}: tag {chain[-1]!r} has the parent {above!r}, which is no tag of the file")
        if above in chain:
            raise InputError(f"{path}: tag {tag_id!r} is its own ancestor; break the cycle")
        chain.append(above)
    return chain


def _checked(name: str, tags: list[Tag], where: str) -> Taxonomy:
    """Sensitivity inherited from parents; unknown parents are an error."""
    by_id = {t.tag_id: t for t in tags}
    inherited = []
    for tag in tags:
        above: Tag | None = tag
        sensitive = False
        while above is not None:
            sensitive = sensitive or above.sensitive
            if above.parent_id is not None and above.parent_id not in by_id:
                raise InputError(f"{where}: tag {above.tag_id!r} has the parent {above.parent_id!r}, which is no tag of the file")
            above = by_id[above.parent_id] if above.parent_id is not None else None
        inherited.append(Tag(tag.tag_id, tag.name, tag.path, tag.parent_id, sensitive))
    if not inherited:
        raise InputError(f"{where}: holds no tag; give at least one row")
    return Taxonomy(name, tuple(inherited))
