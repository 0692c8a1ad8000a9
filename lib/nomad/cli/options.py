"""Options that several commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nomad.workspace import Workspace

Command = Callable[..., Any]


def workspace(command: Command) -> Command:
    """Open the project and hand it in as `workspace`; adds --project, --env and --var."""

    @click.option("--project", metavar="DIR", help="The project's folder.")
    @click.option("--env", metavar="NAME", help="An environment of nomad.yaml.")
    @click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="Set a variable.")
    @click.pass_context
    @functools.wraps(command)
    def opened(ctx: click.Context, /, **words: Any) -> Any:
        given = ctx.find_root().obj or {}
        folder = words.pop("project") or given.get("project")
        environment = words.pop("env") or given.get("env")
        variables = dict(_pair(v) for v in words.pop("variables"))
        with _open(folder, environment, variables) as found:
            return command(workspace=found, **words)

    return opened


def _open(folder: str | None, environment: str | None, variables: dict[str, str]) -> Workspace:
    from nomad.config import find_root
    from nomad.workspace import Workspace

    root = Path(folder) if folder else find_root(Path.cwd())
    return Workspace(root, environ=os.environ, environment=environment, variables=variables)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"`{text}` is not NAME=VALUE", param_hint="--var")
    return name, value


def dates(command: Command) -> Command:
    """Add --dt, --from and --to; they come in as `when`, for `days`."""

    @click.option("--dt", metavar="DATE", help="One date.  [default: yesterday]")
    @click.option("--from", "first", metavar="DATE", help="The first date of a range.")
    @click.option("--to", "last", metavar="DATE", help="The last date of the range, included.")
    @functools.wraps(command)
    def dated(dt: str | None, first: str | None, last: str | None, **words: Any) -> Any:
        return command(when=(dt, first, last), **words)

    return dated


def days(workspace: Workspace, when: tuple[str | None, str | None, str | None]) -> Sequence[date]:
    """Read the dates typed: one date or a range; yesterday where none was.

    Raises:
        BadDate: a word is no date, or the range is upside down.
    """
    from nomad.partition import DateRange, parse_date

    dt, first, last = when
    if dt and (first or last):
        raise click.UsageError("give either --dt or --from and --to")
    if bool(first) != bool(last):
        raise click.UsageError("--from and --to go together")
    if first and last:
        start = parse_date(first, today=workspace.today)
        return tuple(DateRange(start, parse_date(last, today=workspace.today)))
    return (parse_date(dt or "yesterday", today=workspace.today),)


def selection(command: Command) -> Command:
    """Add SELECT…, --select and --exclude; they come in as `selected` and `excluded`."""

    @click.argument("words", nargs=-1, metavar="[SELECT]...")
    @click.option("--select", "-s", "more", multiple=True, help="Tables, layers, globs, +x, x+.")
    @click.option("--exclude", "excluded", multiple=True, help="The same, to be left out.")
    @functools.wraps(command)
    def selecting(words: tuple[str, ...], more: tuple[str, ...], **rest: Any) -> Any:
        return command(selected=(*words, *more), **rest)

    return selecting


def output(*kinds: str) -> Callable[[Command], Command]:
    """Add --output/-o with the given kinds, the first being the default."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(kinds or ("table", "json", "csv")),
        default=(kinds or ("table",))[0],
        show_default=True,
        help="How results are written.",
    )
