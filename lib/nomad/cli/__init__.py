"""Words in, words out. Each command is one file, imported when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, NoReturn

import click

from nomad import __version__
from nomad.cli import signals
from nomad.cli.streams import lenient
from nomad.errors import NomadError, masked

COMMANDS = {
    "init": "Make a new project in a folder.",
    "connectors": "List the connectors of sources, or the options of one.",
    "test-connection": "Reach the lake, the sources and the attached databases.",
    "sample": "Show rows of what a source would deliver, landing nothing.",
    "extract": "Land raw data from the sources.",
    "plan": "Show what is stale, in the order in which it would run, and why.",
    "run": "Build and publish what is stale.",
    "status": "Show a calendar of what is published, stale, missing or failed.",
    "daily": "Land what the sources have, then build what is stale.",
    "backfill": "Build a range of dates: what is missing, failed or stale.",
    "ls": "List the tables, and what each reads.",
    "lint": "Find faults in SQL, contracts and variables, without data.",
    "graph": "Show what reads what.",
    "lineage": "Trace columns to the columns they are computed from.",
    "render": "Print the SQL of a table as it will run.",
    "show": "List a table's partitions, or print one manifest.",
    "files": "Print the paths of the files that are published.",
    "sql": "Ask the live lake.",
    "shell": "Ask one query after another.",
    "catalog": "Migrate or refresh the catalog file.",
    "check": "Test what is published by its contracts.",
    "contract": "Infer a contract, or show what a change of it would do.",
    "quarantine": "List, show or replay the rows that tests refused.",
    "history": "List the versions of a partition that are kept.",
    "diff": "Show the rows in which two versions of a partition differ.",
    "rollback": "Publish an old version again, or undo a run.",
    "compact": "Rewrite partitions of many small files as few.",
    "gc": "Remove old history, orphaned files and old journals.",
    "schema": "Print the JSON Schema of nomad.yaml, or of a contract.",
    "config": "Print each value of the configuration and its origin.",
    "doctor": "Check the lake, and remove what crashed runs left.",
}


GROUPS = {
    "Start": ("init", "config", "schema"),
    "Sources": ("connectors", "test-connection", "sample"),
    "Build": ("extract", "plan", "run", "daily", "backfill", "status"),
    "Inspect": ("ls", "graph", "lineage", "render", "show", "files"),
    "Query": ("sql", "shell", "catalog"),
    "Test": ("lint", "check", "contract", "quarantine"),
    "Go back": ("history", "diff", "rollback"),
    "Maintain": ("doctor", "compact", "gc"),
}
"""The commands by what they are for, as `--help` lists them."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"nomad.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; of one that is not there, name the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            told = f": did you mean `{near[0]}`?" if near else "; see `nomad --help`"
            ctx.fail(f"no command `{args[0]}`{told}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words before the command; options of commands belong after it."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as e:
            if command := next((a for a in args if a in COMMANDS), None):
                message = (
                    f"{e.option_name} belongs after the command: nomad {command} {e.option_name} …"
                )
                raise click.UsageError(message, ctx) from e
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them, by what they are for."""
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(n, COMMANDS[n]) for n in names])

    def invoke(self, ctx: click.Context) -> Any:
        """Turn errors into words and exit codes."""
        try:
            return super().invoke(ctx)
        except NomadError as e:
            say(e)
            ctx.exit(e.exit_code)
        except KeyboardInterrupt:
            signals.over()
            with suppress(OSError):  # the terminal may be what has gone
                click.echo("nomad: interrupted; run the same command again to go on", err=True)
            ctx.exit(signals.code())


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def say(error: NomadError) -> None:
    """Write an error to stderr: what and where, then what to do next. Once is enough."""
    if error.told:
        return
    error.told = True
    click.echo(f"{click.style('nomad:', fg='red')} {masked(str(error))}", err=True)
    if error.hint:
        click.echo(masked(f"  try: {error.hint}"), err=True)


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _show_masked(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Print a traceback, which may quote what it was about."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, at))))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the versions, without importing what they are of."""
    if not wanted:
        return
    click.echo(f"nomad, version {__version__}")
    from nomad.engine.version import installed

    for name in ("duckdb", "sqlglot"):
        click.echo(f"{name} {installed(name)}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version, and those of DuckDB and sqlglot.",
)
@click.option("--project", metavar="DIR", help="The project's folder.  [default: here or above]")
@click.option("--env", metavar="NAME", help="An environment of nomad.yaml.  [env: NOMAD_ENV]")
@click.pass_context
def app(ctx: click.Context, project: str | None, env: str | None) -> None:
    """nomad: make for your warehouse.

    SQL files in folders, run by DuckDB, published atomically as partitioned Parquet.

    Example: nomad run --dt 2024-01-02
    """
    logging.basicConfig(
        format="nomad: %(message)s",
        level=logging.DEBUG if os.environ.get("NOMAD_DEBUG") == "1" else logging.WARNING,
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Masked("nomad: %(message)s"))
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
    ctx.obj = {"project": project, "env": env}


def main() -> NoReturn:
    """Run the command line. A command makes many small values at once, and hardly any cycle.

    What is to be kept is written by then, so the process ends there: taking the interpreter apart
    piece by piece would be a tenth of a short command's time.
    """
    gc.set_threshold(100_000, 20, 20)
    signals.heed()
    sys.stdout = lenient(sys.stdout, live=False) if sys.stdout else open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = lenient(sys.stderr, live=True) if sys.stderr else sys.stdout
    sys.excepthook = _show_masked
    try:
        with _told():
            app(prog_name="nomad")
    except SystemExit as e:
        if not isinstance(e.code, int):
            raise
        with suppress(KeyboardInterrupt), _told(e.code):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(e.code)
    raise AssertionError("unreachable")


@contextmanager
def _told(code: int = 0) -> Iterator[None]:
    """Tell of an answer that finds no room where it is to go, and end there."""
    try:
        yield
    except OSError as e:
        if e.filename or e.errno not in _NO_ROOM:
            raise
        with suppress(OSError):
            say(NomadError(f"the answer can't be written: {e.strerror}"))
        os._exit(code or NomadError.exit_code)
