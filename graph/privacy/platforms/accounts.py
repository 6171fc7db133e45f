"""From people to hashed rows: the accounts of the people, by a platform's rules, in an order that says nothing.

In: who may be released, the lake's accounts, a platform. Out: rows on disk, who has one, and a keyed digest of them. E-mails and
telephones are read in batches, hashed, and forgotten; none is written, but by DuckDB where its sort has to spill.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Container, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.errors import HomeNotWritable
from graph.privacy.platforms import normal
from graph.privacy.platforms.rules import Account, Platform
from graph.privacy.platforms.spool import Spool
from graph.progress import Progress, ignore_progress

__all__ = ["Accounts", "HashedRows", "hashed_rows"]

_BATCH = 20_000
# The order is that of keyed hashes, so that it tells nothing of the people and cannot be joined with another file's. Two accounts
# of one person that say the same are one row.
_ROWS = """
WITH rows AS (SELECT DISTINCT person_id, {fields} FROM {people} JOIN members USING (person_id) JOIN accounts ON account_id = id
              WHERE members.kind = 'account' AND (email IS NOT NULL OR phone IS NOT NULL))
SELECT place, rows.* FROM rows JOIN {people} USING (person_id)"""
_ORDER = " ORDER BY sha256($key::BLOB || encode(concat_ws(chr(31), person_id, {filled}))), person_id, {fields}"


@dataclass(frozen=True)
class Accounts:
    """Where accounts are read: a connection with the lake's view `accounts`, and `Resolution.members`."""

    connection: duckdb.DuckDBPyConnection
    members: pa.Table


@dataclass(frozen=True)
class HashedRows:
    """`rows` of the people at `places` of those who were asked for; `digest` is equal when, and only when, the rows are."""

    rows: Spool
    places: NDArray[np.int64]
    digest: str


def hashed_rows(
    accounts: Accounts,
    person_ids: pa.Array,
    refusing: pa.Array,
    platform: Platform,
    key: bytes,
    progress: Progress = ignore_progress,
) -> HashedRows:
    """The rows of these people under `key`, which is secret and this release's own. An e-mail or telephone that somebody who is
    `refusing` has too is left out: it is theirs as well. Raises HomeNotWritable when the disk is full."""
    fields = ", ".join(platform.fields)
    query = _ROWS.format(fields=fields, people="{people}")
    order = _ORDER.format(fields=fields, filled=", ".join(f"coalesce({f}, '')" for f in platform.fields))
    spool = Spool([column.header for column in platform.columns])
    keyed = hmac.new(key, digestmod=hashlib.sha256)
    has_row = np.zeros(len(person_ids), dtype=np.bool_)
    refused: set[str] = set()
    done = 0
    people = {"asked": person_ids, "refusing": refusing}
    try:
        with _registered(accounts, people) as connection:
            with closing(_batches(connection, query.format(people="refusing"), {})) as batches:
                for batch in batches:
                    refused.update(held for account in batch for held in _held(account) if held is not None)
            with closing(_batches(connection, query.format(people="asked") + order, {"key": key})) as batches:
                for batch in batches:
                    own = (_without(account, refused) for account in batch)
                    rows = [(account, row) for account in own if (row := platform.row(account)) is not None]
                    places = [account["place"] for account, _ in rows]
                    spool.add(places, [row for _, row in rows])
                    has_row[places] = True
                    keyed.update(repr([(account["person_id"], row) for account, row in rows]).encode())
                    done += len(batch)
                    progress("hash accounts", done, max(done, len(person_ids)))
        spool.close()
    except (OSError, duckdb.IOException) as error:
        raise HomeNotWritable(Path(gettempdir()), str(error).splitlines()[0]) from error
    return HashedRows(spool, np.flatnonzero(has_row), keyed.hexdigest())


def _held(account: Account) -> tuple[str | None, str | None]:
    """Mailbox and telephone of an account, the same for every platform, so that all platforms' files are of the same people."""
    email, phone = account["email"], account["phone"]
    return None if email is None else normal.mailbox(email), None if phone is None else normal.e164(phone)


def _without(account: Account, refused: Container[str]) -> Account:
    """The account without e-mail and telephone that are none, or somebody's who refuses."""
    held = zip(("email", "phone"), _held(account), strict=True)
    return {**account, **{field: None for field, value in held if value is None or value in refused}}


@contextmanager
def _registered(accounts: Accounts, people: dict[str, pa.Array]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection, with members, and people by their place under each name."""
    tables = {name: pa.table({"person_id": ids, "place": np.arange(len(ids))}) for name, ids in people.items()}
    tables["members"] = accounts.members.select(["kind", "id", "person_id"])
    for name, table in tables.items():
        accounts.connection.register(name, table)
    try:
        yield accounts.connection
    finally:
        for name in tables:
            accounts.connection.unregister(name)


def _batches(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]
) -> Generator[list[dict[str, Any]], None, None]:
    """A query's rows; close it before the connection is used again."""
    with connection.sql(query, params=parameters).to_arrow_reader(_BATCH) as reader:
        for batch in reader:
            yield batch.to_pylist()
