"""`tessera`: the command line. Commands live beside this file by topic; heavy imports happen inside them, since `--help`
has to answer at once."""

from __future__ import annotations

import errno
import logging
import os
import sys

import typer

from api.cli import audiences, demo, evaluation, exports, graph_commands, identity, models, release, serving, stages
from api.cli.console import fail
from graph.errors import TesseraError

__all__ = ["app", "main"]

_STOPPED = 130

app = typer.Typer(
    name="tessera",
    help="Identity graph, interests, audiences: from raw device, account and event data to a released audience.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would treble the time that --help takes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)

for group in (stages, exports, evaluation, models, graph_commands, identity, audiences, release, serving, demo):
    group.register(app)


def main() -> None:
    """Entry point: an error is one line on standard error; exit code 1 for a failure, 2 for a wrong call, 130 for Ctrl-C."""
    # The driver logs what it then raises; without a handler Python would print both.
    logging.getLogger("neo4j").addHandler(logging.NullHandler())
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        _misused(error)
        sys.exit(error.exit_code)
    except TesseraError as error:
        fail(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        code = _STOPPED
    except BrokenPipeError:
        # The reader of our output went away (`tessera … | head`): not an error worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EFBIG):
            raise
        fail(f"{error.filename or 'the home'}: {error.strerror}; free space or give write permission")
        sys.exit(1)
    if code == _STOPPED:
        fail("stopped")
    sys.exit(code if isinstance(code, int) else 0)


def _misused(error: typer.TyperException) -> None:
    """Say what is wrong with the call; to a group without a command, show which there are."""
    message = error.format_message()
    if message.startswith("Usage:"):
        print(message, file=sys.stderr)
        return
    context = getattr(error, "ctx", None)
    fail(message.rstrip(".") + (f"; see `{context.command_path} --help`" if context else ""))
