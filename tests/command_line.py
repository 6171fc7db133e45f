"""The installed `tessera` as users have it: the console script in a child process, over a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
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

    def environment(self) -> dict[str, str]:
        """What a child gets: nothing of the settings that the caller of the tests may have."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        given = {f"TESSERA_{name}": value for name, value in self.settings.items()}
        return {**kept, "OMP_NUM_THREADS": "2", "COLUMNS": "200", "TESSERA_HOME": str(self.home), **given}

    def command(self, *arguments: str | Path) -> list[str]:
        """Command line of the console script."""
        return [str(SCRIPT), *map(str, arguments)]

    def with_settings(self, **settings: str) -> Tessera:
        """The same home with other settings."""
        return Tessera(self.home, {**self.settings, **settings})

    def attempt(self, *arguments: str | Path, stdin: str = "", **how: Any) -> Done:
        """Run to the end, whatever the end is."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.home.parent,
            check=False,
            **how,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Done:
        """Run to a good end."""
        done = self.attempt(*arguments, stdin=stdin)
        assert done.code == 0, f"tessera {' '.join(map(str, arguments))}: {done.code}\n{done.err[-3000:]}"
        return done

    def json(self, *arguments: str | Path, stdin: str = "") -> Any:
        """Run with --json and give what it printed."""
        return self(*arguments, "--json", stdin=stdin).json()

    def refuses(self, *arguments: str | Path, stdin: str = "", **how: Any) -> str:
        """Run to a bad end; gives the one line that it has to say about that."""
        return refusal(self.attempt(*arguments, stdin=stdin, **how))


def refusal(done: Done) -> str:
    """The one line on standard error of a command that failed on purpose."""
    assert done.code in (1, 2), (done.code, done.out[-500:], done.err[-3000:])
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err[-3000:]
    assert lines[0].startswith("tessera: "), done.err[-3000:]
    return lines[0].removeprefix("tessera: ")
