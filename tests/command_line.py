"""The `tessera` command over a home of its own: as the installed console script in a child process, as users have it, or, since
starting one costs seconds, by its entry point in this process, for the many commands of which only the answer matters."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).with_name("tessera")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Tessera:
    """The command over one home; `settings` are environment variables without their TESSERA_."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    own_process: bool = False

    @property
    def script(self) -> Tessera:
        """The same, as the console script in a child process."""
        return replace(self, own_process=True)

    def environment(self) -> dict[str, str]:
        """What a command gets: nothing of the settings that the caller of the tests may have."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        given = {f"TESSERA_{name}": value for name, value in self.settings.items()}
        return {**kept, "OMP_NUM_THREADS": "2", "COLUMNS": "200", "TESSERA_HOME": str(self.home), **given}

    def command(self, *arguments: str | Path) -> list[str]:
        """Command line of the console script."""
        return [str(SCRIPT), *map(str, arguments)]

    def with_settings(self, **settings: str) -> Tessera:
        """The same home with other settings."""
        return replace(self, settings={**self.settings, **settings})

    def attempt(self, *arguments: str | Path, stdin: str = "") -> Done:
        """Run to the end, whatever the end is."""
        if not self.own_process:
            return self._here([*map(str, arguments)], stdin)
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.home.parent,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _here(self, arguments: list[str], stdin: str) -> Done:
        from api.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with _process(["tessera", *arguments], self.environment(), stdin), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                code: Any = 0
            except SystemExit as end:
                code = end.code or 0
        return Done(int(code), out.getvalue(), err.getvalue())

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Done:
        """Run to a good end."""
        done = self.attempt(*arguments, stdin=stdin)
        assert done.code == 0, f"tessera {' '.join(map(str, arguments))}: {done.code}\n{done.err[-3000:]}"
        return done

    def json(self, *arguments: str | Path, stdin: str = "") -> Any:
        """Run with --json and give what it printed."""
        return self(*arguments, "--json", stdin=stdin).json()

    def refuses(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run to a bad end; gives the one line that it has to say about that."""
        return refusal(self.attempt(*arguments, stdin=stdin))


@contextmanager
def _process(arguments: list[str], environment: dict[str, str], stdin: str) -> Iterator[None]:
    """Arguments, environment and standard input of this process, for the length of a block."""
    before = sys.argv, dict(os.environ), sys.stdin
    sys.argv, sys.stdin = arguments, io.StringIO(stdin)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        sys.argv, sys.stdin = before[0], before[2]
        os.environ.clear()
        os.environ.update(before[1])


def refusal(done: Done) -> str:
    """The one line on standard error of a command that failed on purpose."""
    assert done.code in (1, 2), (done.code, done.out[-500:], done.err[-3000:])
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err[-3000:]
    assert lines[0].startswith("tessera: "), done.err[-3000:]
    return lines[0].removeprefix("tessera: ")
