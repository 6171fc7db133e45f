"""Every error that Tessera raises on purpose. Each message is one line: what failed, where, what to do.

TesseraError
├── InputError                 a source that cannot be used; nothing was changed
│   ├── SourceNotFound
│   ├── UnknownTable
│   ├── DuplicateTable
│   ├── UnreadableFile
│   ├── UnknownAudience        no such audience of this tenant
│   ├── AudienceChanged        another definition was written meanwhile; worth another try
│   ├── AudienceCycle          an audience would be made from itself
│   ├── TooFewSeeds            too few of the seeds can be used
│   └── SignalRefused          a consent string that permits nothing (graph.privacy.signals)
├── HomeError                  the home folder cannot be used
│   ├── HomeLocked             another process writes to it
│   ├── HomeNotWritable
│   └── NothingResolved        a command that needs an earlier stage
├── StoreError                 the graph store
│   ├── StoreUnavailable       not reachable; worth another try
│   │   └── ControlUnavailable the control store (graph.control)
│   ├── StoreRefused           wrong user or password
│   ├── ForeignGraph           it holds another home's graph
│   └── QueryError             a statement or its parameters are wrong
│       └── UnknownQuery
├── ServerError                the local Neo4j server could not be installed, started or stopped
├── ModelError                 a model version is missing or damaged
├── StreamUnavailable          the event bus does not answer (graph.stream)
├── StreamRefused              the event bus refused the credentials or the topic (graph.stream)
├── SettingsError              a setting that cannot be used
└── MissingExtra               an optional package is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "AudienceChanged",
    "AudienceCycle",
    "DuplicateTable",
    "ForeignGraph",
    "HomeError",
    "HomeLocked",
    "HomeNotWritable",
    "InputError",
    "MissingExtra",
    "ModelError",
    "NothingResolved",
    "QueryError",
    "ServerError",
    "SettingsError",
    "SourceNotFound",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "TesseraError",
    "TooFewSeeds",
    "UnknownAudience",
    "UnknownQuery",
    "UnknownTable",
    "UnreadableFile",
]


class TesseraError(Exception):
    """Base of the tree. `str(error)` is one line, fit to be shown to a user as it is."""


class InputError(TesseraError):
    """A source that cannot be used; nothing was changed."""


class SourceNotFound(InputError):
    """The source folder does not exist or holds no table."""

    def __init__(self, path: Path, found: str) -> None:
        self.path = path
        super().__init__(f"{path}: {found}; a source is a folder with tables such as events.csv or accounts.parquet")


class UnknownTable(InputError):
    """A data file whose name is no input table's."""

    def __init__(self, path: Path, allowed: Sequence[str]) -> None:
        self.path = path
        self.allowed = tuple(allowed)
        super().__init__(f"{path}: unknown table; rename it to one of {', '.join(allowed)}, or move it elsewhere")


class DuplicateTable(InputError):
    """One table in two files of one source."""

    def __init__(self, table: str, paths: Sequence[Path]) -> None:
        self.table = table
        self.paths = tuple(paths)
        super().__init__(f"table {table} is given twice: {', '.join(str(p) for p in paths)}; keep one of them")


class UnreadableFile(InputError):
    """A file that cannot be read as what its name says."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}; nothing of this file was taken")


class UnknownAudience(InputError):
    """No such audience, or another tenant's."""

    def __init__(self, audience_id: str) -> None:
        self.audience_id = audience_id
        super().__init__(f"no audience {audience_id!r} of this tenant; list them with `tessera audience list`")


class AudienceChanged(InputError):
    """An audience got another definition while its people were being chosen."""

    def __init__(self, audience_id: str) -> None:
        self.audience_id = audience_id
        super().__init__(f"audience {audience_id} was defined anew meanwhile; nothing was changed, try again")


class AudienceCycle(InputError):
    """A definition that leads back to its own audience. `cycle` is the way, both ends included."""

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(f"the definition refers to itself: {' → '.join(cycle)}; take one of these references out")


class TooFewSeeds(InputError):
    """Too few of a lookalike's seeds are people who permit it, or nobody else is left."""

    def __init__(self, least: int) -> None:
        self.least = least
        super().__init__(f"fewer than {least} of the seeds are people who permit this use, or nobody else is left; give others")


class HomeError(TesseraError):
    """The home folder cannot be used."""


class HomeLocked(HomeError):
    """Another process writes to the home."""

    def __init__(self, path: Path, holder: str) -> None:
        self.path = path
        self.holder = holder
        super().__init__(f"{path} is being written by {holder}; wait for it, stop it, or use another TESSERA_HOME")


class HomeNotWritable(HomeError):
    """The home cannot be written: read-only, or the disk is full."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}; free space, give write permission, or set TESSERA_HOME to another folder")


class NothingResolved(HomeError):
    """A command needs what an earlier stage makes."""

    def __init__(self, path: Path, missing: str, command: str) -> None:
        self.path = path
        super().__init__(f"{path} has no {missing} yet; run `{command}` first")


class StoreError(TesseraError):
    """The graph store failed."""


class StoreUnavailable(StoreError):
    """The store does not answer; worth another try."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        super().__init__(f"graph store {address} does not answer ({reason}); start it, or check TESSERA_GRAPH_URL")


class StoreRefused(StoreError):
    """The store refused user or password. The message never holds either."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"graph store {address} refused the user or password in TESSERA_GRAPH_URL; correct them")


class ForeignGraph(StoreError):
    """The database holds another home's graph."""

    def __init__(self, address: str, found: str, expected: str) -> None:
        self.address = address
        self.found = found
        self.expected = expected
        super().__init__(
            f"graph store {address} holds the graph of another home ({found}, this one is {expected}); "
            "use another database, or repeat the command with --replace-graph"
        )


class QueryError(StoreError):
    """A statement or its parameters are wrong."""


class UnknownQuery(QueryError):
    """No statement of that name in the catalogue."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        super().__init__(f"no query named {name!r}; known: {', '.join(known)}")


class ServerError(TesseraError):
    """The local Neo4j server could not be installed, started or stopped."""


class ModelError(TesseraError):
    """A model version is missing or damaged."""


class SettingsError(TesseraError):
    """A setting that cannot be used."""


class MissingExtra(TesseraError):
    """An optional package is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(f"{feature} needs an optional part: pip install 'tessera[{extra}]'")
