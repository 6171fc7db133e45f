"""`tessera`: the command line. Commands live beside this file by topic; heavy imports happen inside them, since `--help`
has to answer at once."""

from __future__ import annotations

import errno
import os
import sys

import typer

from api.cli import demo, evaluation, exports, graph_commands, release, serving, stages
from api.cli.console import fail
from graph.errors import TesseraError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tessera",
    help="Identity graph, interests, audiences: from raw device, account and event data to a released audience.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in (stages, exports, evaluation, graph_commands, release, serving, demo):
    group.register(app)


def main() -> None:
    """Entry point: an error on purpose is one line on standard error and exit code 1; Ctrl-C is 130."""
    try:
        app()
    except TesseraError as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        fail("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`tessera … | head`): not an error worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise
        fail(f"{error.filename or 'the home'}: {error.strerror}; free space or give write permission")
        sys.exit(1)
