"""One driver to a Neo4j server, and statements run over it in managed transactions, with the project's errors.

In: a URL. Out: rows. Times out and retries within bounds; no message holds the password, or values of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import cypher
from graph.errors import MissingExtra, QueryError, StoreError, StoreRefused, StoreUnavailable
from graph.store.neo4j_url import Neo4jUrl
from graph.store.neo4j_values import from_neo4j, to_neo4j
from graph.store.protocol import Row

if TYPE_CHECKING:
    import neo4j

__all__ = ["Answer", "Check", "Neo4jConnection", "Step"]

Step = tuple[str, list[tuple[Any, ...]]]
"""A statement with `$rows`, and the rows."""

Answer = list[list[Any]]
"""Rows of a result, as lists of values."""

Check = Callable[[Step, Answer], None]
"""A look at a step and its answer, which raises where that is wrong."""

_CONNECT_SECONDS = 10.0
_RETRY_SECONDS = 10.0


class Neo4jConnection:
    """A driver for the life of this object, safe to use from many threads. Connects at first use."""

    def __init__(self, url: str) -> None:
        try:
            import neo4j
        except ImportError as error:
            raise MissingExtra("the Neo4j graph store", "neo4j") from error
        self._url = Neo4jUrl.parse(url)
        self.address = self._url.address
        self._reached = False
        self._driver = neo4j.GraphDatabase.driver(
            self.address,
            auth=(self._url.user, self._url.password),
            connection_timeout=_CONNECT_SECONDS,
            connection_acquisition_timeout=_CONNECT_SECONDS * 2,
            max_transaction_retry_time=_RETRY_SECONDS,
            notifications_min_severity="OFF",
            user_agent="tessera",
        )

    def run(self, text: str, parameters: Mapping[str, Any], *, mode: Literal["read", "write"], tell: bool = True) -> list[Row]:
        """Rows of one statement, in a managed transaction of that mode. With `tell`, an error has the server's own words."""

        def work(transaction: neo4j.ManagedTransaction) -> list[Row]:
            result = transaction.run(text, {name: to_neo4j(value) for name, value in parameters.items()})
            return [{name: from_neo4j(value) for name, value in dict(record).items()} for record in result]

        with self._session(tell=tell, mode=mode) as session:
            return session.execute_read(work) if mode == "read" else session.execute_write(work)

    def run_alone(self, text: str) -> None:
        """Run a statement that makes its own transactions. Not retried: whoever calls it can begin again."""
        with self._session() as session:
            session.run(text).consume()

    def write(self, steps: Sequence[Step], *, check: Check | None = None) -> list[Answer]:
        """Run the steps in one transaction; the rows of each as lists of values, unconverted. What `check` raises undoes all."""
        with self._session() as session:
            return session.execute_write(lambda transaction: _answers(transaction, steps, check))

    def write_if(self, statement: str, allows: Callable[[Row], bool], steps: Sequence[Step], *, check: Check) -> bool:
        """As `write`, if `allows` says yes to the one row that `statement` gives first in the same transaction; whether it
        did. What it raises undoes all."""

        def work(transaction: neo4j.ManagedTransaction) -> bool:
            if not allows(transaction.run(statement).single(strict=True).data()):
                return False
            _answers(transaction, steps, check)
            return True

        with self._session() as session:
            return session.execute_write(work)

    def counts(self, texts: Mapping[str, str]) -> dict[str, int]:
        """The single number that each statement gives, all in one transaction."""

        def work(transaction: neo4j.ManagedTransaction) -> dict[str, int]:
            return {name: int(transaction.run(text).single(strict=True)[0]) for name, text in texts.items()}

        with self._session(mode="read") as session:
            return session.execute_read(work)

    def named(self, name: str, parameters: Mapping[str, Any] | None = None, /, **slots: str) -> list[Row]:
        """Run one of the store's own statements."""
        statement = cypher.load(name, "neo4j")
        return self.run(statement.fill(**slots), parameters or {}, mode=statement.mode, tell=False)

    def close(self) -> None:
        """Close the driver."""
        self._driver.close()

    @contextmanager
    def _session(self, *, tell: bool = False, mode: Literal["read", "write"] = "write") -> Iterator[neo4j.Session]:
        import neo4j

        access = neo4j.READ_ACCESS if mode == "read" else neo4j.WRITE_ACCESS
        with self._translating(tell=tell):
            if not self._reached:  # so that an address where nobody answers fails at once, without the retries
                self._driver.verify_connectivity()
                self._reached = True
            with self._driver.session(database=self._url.database, default_access_mode=access) as session:
                yield session

    @contextmanager
    def _translating(self, *, tell: bool) -> Iterator[None]:
        from neo4j import exceptions as failed

        try:
            yield
        except failed.AuthError as error:
            raise StoreRefused(self.address) from error
        except (failed.TransientError, failed.SessionExpired, failed.ServiceUnavailable, failed.ConnectionPoolError) as error:
            raise StoreUnavailable(self.address, _reason(error)) from error
        except (failed.ConstraintError, failed.DatabaseError) as error:
            raise StoreError(f"graph store {self.address} refused the change ({error.code})") from error
        except failed.ClientError as error:
            if "AccessMode" in str(error.code):
                raise QueryError("the statement writes; it was run to read only") from error
            raise QueryError(_first_line(str(error.message)) if tell else f"the graph store refused it ({error.code})") from error
        except failed.DriverError as error:
            raise StoreError(f"graph store {self.address}: {type(error).__name__}") from error
        except OSError as error:
            raise StoreUnavailable(self.address, error.strerror or type(error).__name__) from error


def _answers(transaction: neo4j.ManagedTransaction, steps: Sequence[Step], check: Check | None) -> list[Answer]:
    answers = []
    for step in steps:
        answers.append(transaction.run(step[0], rows=step[1]).values())
        if check is not None:
            check(step, answers[-1])
    return answers


def _reason(error: Exception) -> str:
    code = getattr(error, "code", None)
    return (
        str(code) if code else {"IncompleteCommit": "it broke off while it committed"}.get(type(error).__name__, "no connection")
    )


def _first_line(message: str) -> str:
    return message.strip().split("\n", 1)[0]
