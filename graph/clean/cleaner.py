"""The cleaner: a batch of an input table as it was read, to a batch of the lake table and a reason for every unusable row.

In: known columns of any Arrow type under their names, unknown columns under theirs; optionally `_traits` (JSON of the unknown
columns) and `_as_of`. Out: known and derived columns, `_as_of`, `_traits` and `_raw` (JSON of the values that could not be
used), row for row; and a text column of reasons, null where the row is good (DESIGN.md, section 3).
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from graph.clean import identifiers, kinds, person, values, web
from graph.clean.agents import UserAgents
from graph.clean.distinct import Memo
from graph.clean.json_objects import json_objects
from graph.clean.reasons import reasons
from graph.clean.text import as_text, free_text, ids, tags, words
from graph.clean.times import Times
from graph.clean.zones import Zones
from graph.database import connect
from graph.tables import LINEAGE, TABLES

__all__ = ["Cleaner"]

Columns = dict[str, pa.Array]


class Cleaner:
    """Cleans batches; keeps bounded memos of distinct values between them. Use one per run, in one thread at a time."""

    def __init__(self) -> None:
        self._connection = connect(memory_limit="500MB")
        self._times = Times(self._connection)
        self._agents = Memo(UserAgents())
        self._zones = Memo(Zones())
        self._urls = Memo(web.canonical_url)
        self._networks = Memo(web.network)
        self._phones = Memo(identifiers.phone)
        self._births = Memo(person.birth_date)
        country = person.Countries()
        self._rules: dict[str, Callable[[pa.Array], pa.Array]] = {
            "id": ids,
            "tag": tags,
            "text": free_text,
            "word": words,
            "truth": values.truth,
            "zone": self._zones.column,
            "ip": lambda text: _shortcut(text, web.IPV4, self._networks),
            "email": Memo(identifiers.email).column,
            "advertising_id": Memo(identifiers.advertising_id).column,
            "name": Memo(person.name).column,
            "place": Memo(person.place).column,
            "gender": Memo(person.gender).column,
            "postcode": Memo(person.postcode).column,
            "country": Memo(country).column,
            "currency": Memo(values.currency).column,
            "language": Memo(values.bcp47).column,
            "device_kind": Memo(lambda text: kinds.DEVICE_KINDS.get(text.strip().lower())).column,
            "subject_kind": Memo(lambda text: kinds.SUBJECT_KINDS.get(text.strip().lower())).column,
            "end_kind": Memo(lambda text: kinds.END_KINDS.get(text.strip().lower())).column,
        }

    def __call__(self, name: str, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Array]:
        """Clean a batch of table `name`."""
        table, rows = TABLES[name], batch.num_rows
        given = dict(zip(batch.schema.names, batch.columns, strict=True))
        raw = {c: given[c] for c in table.columns if c in given}
        clean = self._columns(name, raw)
        why = reasons(table, raw, clean, rows)
        clean["_raw"] = json_objects({c: _unused(raw[c], clean[c]) for c in raw}, rows)
        self._derive(name, clean, rows)
        unknown = {c: v for c, v in given.items() if c not in table.columns and c not in LINEAGE}
        clean["_traits"] = given["_traits"] if "_traits" in given else json_objects(unknown, rows)
        if "_as_of" in given:
            clean["_as_of"] = self._times(given["_as_of"]).at
        types = {**table.columns, **(table.derived or {}), **{c: LINEAGE[c] for c in ("_as_of", "_traits", "_raw")}}
        arrays = [clean[c] if c in clean else pa.nulls(rows, t) for c, t in types.items()]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(list(types.items()))), why

    def _columns(self, name: str, raw: Columns) -> Columns:
        """The known columns, each by its rule; times, phones and birth dates after the columns that they are read with."""
        kind_of = {c: kinds.kind_of(name, c) for c in raw}
        last = ("time", "phone", "birth_date")
        clean = {c: self._plain(kind, raw[c], c, name) for c, kind in kind_of.items() if kind not in last}
        for column, kind in kind_of.items():
            if kind == "time":
                parsed = self._times(raw[column], clean.get("timezone"))
                clean[column] = parsed.at
                if name == "events" and parsed.offset.null_count < len(parsed.offset):
                    written = self._zones.column(parsed.offset)
                    clean["timezone"] = pc.coalesce(clean["timezone"], written) if "timezone" in clean else written
            elif kind in last:
                memo = self._phones if kind == "phone" else self._births
                clean[column] = memo.column(_with_country(as_text(raw[column]), clean.get("country")))
        return clean

    def _plain(self, kind: str, column: pa.Array, name: str, table: str) -> pa.Array:
        """A column that needs no other."""
        if kind == "number":
            return values.numbers(column, negative=name != "weight", truth_values=table == "labels")
        if kind == "json":
            return values.json_values(column, self._connection)
        if kind == "list":
            purposes = name == "purposes"
            found = values.lists(column, empty=purposes)
            split = Memo(values.purposes if purposes else values.categories)
            return split.column(as_text(column), pa.list_(pa.string())) if found is None else found
        return self._rules[kind](column if kind == "truth" else as_text(column))

    def _derive(self, name: str, clean: Columns, rows: int) -> None:
        """What other columns tell: the content of a URL, the parts of a user agent."""
        nothing = pa.nulls(rows, pa.string())
        if name == "events" and "url" in clean:
            known = clean.get("content_id", nothing)
            wanted = pc.if_else(pc.is_null(known), clean["url"], pa.scalar(None, pa.string()))
            clean["content_id"] = pc.coalesce(known, _shortcut(wanted, web.SIMPLE_URL, self._urls))
        if name not in ("events", "devices") or "user_agent" not in clean:
            return
        agents, indices = self._agents.distinct(clean["user_agent"])
        clean["bot"] = pa.array([a and a.bot for a in agents], pa.bool_()).take(indices)
        if name == "devices":
            for column in ("kind", "os", "browser"):
                told = pa.array([a and getattr(a, column) for a in agents], pa.string()).take(indices)
                clean[column] = pc.coalesce(clean.get(column, nothing), told)


def _shortcut(text: pa.Array, canonical: str, memo: Memo[str]) -> pa.Array:
    """Values that match `canonical` (RE2) are in normal form already; the memo does the others."""
    done = pc.match_substring_regex(text, canonical)
    if pc.all(done).as_py():
        return text
    return pc.if_else(done, text, memo.column(pc.if_else(done, pa.scalar(None, pa.string()), text)))


def _with_country(text: pa.Array, country: pa.Array | None) -> pa.Array:
    """Values with the country they are read in."""
    known = "" if country is None else pc.fill_null(country, "")
    return pc.binary_join_element_wise(text, known, identifiers.SEPARATOR)


def _unused(raw: pa.Array, clean: pa.Array) -> pa.Array:
    """Raw texts of the values that cleaning made null; blank ones are no loss."""
    lost = pc.and_(pc.is_null(clean), pc.is_valid(raw))
    if not pc.any(lost).as_py():
        return pa.nulls(len(raw), pa.string())
    text = as_text(raw)
    lost = pc.and_(lost, pc.not_equal(pc.utf8_ltrim_whitespace(text), ""))
    return pc.if_else(lost, text, pa.scalar(None, pa.string()))
