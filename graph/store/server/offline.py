"""The import tool on the stopped server, safe against being killed. In: import files. Out: a database made of them.

A marker file is there from before the first byte is written until the last one is: while it is there the database is
unfinished, and whoever starts the server next begins with an empty one (the graph can always be rebuilt from the lake).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from graph.files import replace_file
from graph.progress import Progress
from graph.store.server.runner import Runner

__all__ = ["discard_unfinished", "import_offline", "unfinished"]

_STAGE = re.compile(r"^\((\d)/(\d)\) ")
_PERCENT = re.compile(r"[.\-] +(\d+)% ")


def _marker(folder: Path) -> Path:
    return folder / "import-unfinished"


def unfinished(folder: Path) -> bool:
    """Whether an import began and never ended."""
    return _marker(folder).exists()


def discard_unfinished(folder: Path, runner: Runner) -> None:
    """Remove what an import that never ended left behind, the import's own process included."""
    if not unfinished(folder):
        return
    runner.end_admin()
    for kind in ("databases", "transactions"):
        shutil.rmtree(folder / "data" / kind / "neo4j", ignore_errors=True)
    _marker(folder).unlink()


def import_offline(folder: Path, runner: Runner, arguments: list[str], files: Path, heap: str, progress: Progress) -> None:
    """Replace the stopped server's database. Raises ServerError; the marker then stays."""
    runner.end_admin()
    replace_file(_marker(folder), b"")
    stage, stages, what = 1, 4, "import into Neo4j"

    def said(line: str) -> None:
        nonlocal stage, stages
        if found := _STAGE.match(line):
            stage, stages = int(found[1]), int(found[2])
        elif found := _PERCENT.search(line):
            progress(what, 100 * (stage - 1) + int(found[1]), 100 * stages)

    progress(what, 0, 100 * stages)
    runner.admin(["database", "import", "full", *arguments], folder=files, heap=heap, said=said)
    _marker(folder).unlink()
