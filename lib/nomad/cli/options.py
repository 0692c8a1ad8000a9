"""Options that several commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from nomad.names import TableName
    from nomad.partitions import Partition
    from nomad.project.project import Table
    from nomad.workspace import Workspace

Command = Callable[..., Any]
Opener = Callable[[], AbstractContextManager["Workspace"]]


def complete_tables(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a table's name from the names of the SQL files, or a tag from the contracts.

    No SQL is read.
    """
    from nomad.config.config import find_root
    from nomad.errors import NoProject

    folder = ctx.params.get("project") or (ctx.find_root().params or {}).get("project")
    try:
        root = Path(folder) if folder else find_root(Path.cwd())
    except NoProject:
        return []
    plus = incomplete[: len(incomplete) - len(incomplete.lstrip("+"))]
    word = incomplete.lstrip("+")
    given = _tags(root) if word.startswith("tag:") else {p.stem for p in _below(root, "*.sql")}
    names = sorted(plus + name for name in given)
    return [CompletionItem(n) for n in names if n.startswith(incomplete)]


def _below(root: Path, pattern: str) -> Iterator[Path]:
    return (root / "sql").rglob(pattern)


def _tags(root: Path) -> set[str]:
    """Give what selects by each tag of a contract; one that can't be read has none."""
    from nomad.cache import Cache
    from nomad.contract.read import parse
    from nomad.errors import NomadError

    found: set[str] = set()
    for path in _below(root, "*.y*ml"):
        with suppress(NomadError, OSError, UnicodeDecodeError):
            text = path.read_text(encoding="utf-8-sig")
            read = parse(text, path=str(path), table=path.stem, cache=Cache())
            found.update(f"tag:{tag}" for tag in read.tags)
    return found


def table(workspace: Workspace, word: str) -> Table:
    """Find the table that a word means, to do something by its SQL.

    Raises:
        UnknownName: there is none, or it is a source.
        NomadError: its file is broken.
    """
    from nomad.errors import UnknownName
    from nomad.project.project import find

    name = find(workspace.project, word)
    if name not in workspace.project.tables:
        raise UnknownName(f"`{name}` is a source, not a table", hint="`nomad ls` lists the tables")
    found = workspace.project.tables[name]
    if found.fault:
        raise found.fault
    return found


def workspace(command: Command) -> Command:
    """Open the project and hand it in as `workspace`; adds --project, --env and --var.

    The command runs in the project's folder: what a query, a check or a migration reads by a
    relative path is the same wherever one stands. (Of DuckDB's own `file_search_path`, a file of
    the current folder would come first.)
    """

    @opening
    @functools.wraps(command)
    def within(opened: Opener, **words: Any) -> Any:
        with opened() as found:
            return command(workspace=found, **words)

    return within


def opening(command: Command) -> Command:
    """Hand in as `opened` what opens the project, for a command that tells of faults itself."""

    @click.option("--project", metavar="DIR", help="The project's folder.")
    @click.option("--env", metavar="NAME", help="An environment of nomad.yaml.")
    @click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="Set a variable.")
    @click.pass_context
    @functools.wraps(command)
    def given_words(ctx: click.Context, /, **words: Any) -> Any:
        given = ctx.find_root().obj or {}
        folder = words.pop("project") or given.get("project")
        environment = words.pop("env") or given.get("env")
        variables = dict(_pair(v) for v in words.pop("variables"))
        called = ctx.command_path

        @contextmanager
        def opened() -> Iterator[Workspace]:
            made = _open(folder, environment, variables, called)
            with made as found, _standing_in(found.root):
                if ctx.command.name != "sql":
                    _refuse_unread(found)
                yield found

        return command(opened=opened, **words)

    return given_words


def _open(
    folder: str | None, environment: str | None, variables: dict[str, str], who: str
) -> Workspace:
    from nomad.cli import say
    from nomad.config.config import find_root
    from nomad.engine.machine import cores
    from nomad.workspace import Workspace

    absolute = bool(folder) and Path(folder or "").is_absolute()
    here = Path() if absolute else _here()
    root = here / folder if folder else find_root(here)
    return Workspace(
        root,
        environ=os.environ,
        environment=environment,
        variables=variables,
        processes=cores(),
        who=who,
        tell=say,
    )


def _refuse_unread(workspace: Workspace) -> None:
    """See that something reads each variable given; a query typed is not looked at here."""
    unknown = workspace.given.keys() - workspace.config.vars.keys()
    if not unknown:
        return
    from nomad.errors import UnknownName
    from nomad.names import did_you_mean
    from nomad.project.naming import sql_files
    from nomad.sqlfile.variables import named

    files = (workspace.root / "nomad.yaml", *sql_files(workspace.root / "sql"))
    read = set[str]().union(*(named(f.read_text(errors="replace")) for f in files if f.is_file()))
    for name in sorted(unknown - read):
        known = sorted(read | workspace.config.vars.keys())
        hint = did_you_mean(name, known) or "a SQL file reads it as `$<NAME>`"
        raise UnknownName(f"`--var {name}`: nothing reads that variable", hint=hint)


@contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    """Stand in a folder for a while; the one before may be gone."""
    before = None
    with suppress(FileNotFoundError):
        before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        if before:
            with suppress(OSError):
                os.chdir(before)


def _here() -> Path:
    from nomad.errors import NoProject

    try:
        return Path.cwd()
    except FileNotFoundError as e:
        raise NoProject("the current folder is gone", hint="change to another one") from e


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"`{text}` is not NAME=VALUE", param_hint="--var")
    return name, value


def dates(command: Command) -> Command:
    """Add --dt, --from and --to; they come in as `when`, a `When`."""

    @click.option("--dt", metavar="DATE", help="One date.  [default: yesterday]")
    @click.option("--from", "first", metavar="DATE", help="The first date of a range.")
    @click.option("--to", "last", metavar="DATE", help="The last date of the range, included.")
    @functools.wraps(command)
    def dated(dt: str | None, first: str | None, last: str | None, **words: Any) -> Any:
        return command(when=When(dt, first, last), **words)

    return dated


class When(NamedTuple):
    """The dates a user typed: --dt, --from and --to."""

    dt: str | None = None
    first: str | None = None
    last: str | None = None


def days(workspace: Workspace, when: When) -> Sequence[date]:
    """Read the dates typed: one date or a range; yesterday where none was.

    Raises:
        BadDate: a word is no date, or the range is upside down.
    """
    from nomad.dates import asked

    dt, first, last = when
    if dt is not None and not (first is last is None):
        raise click.UsageError("give either --dt or --from and --to")
    if (first is None) != (last is None):
        raise click.UsageError("--from and --to go together")
    return asked(dt, first, last, today=workspace.today)


def partitions(workspace: Workspace, name: TableName, when: When) -> Sequence[Partition | None]:
    """Name the partitions of a table at the dates typed; of a full table the one there is."""
    from nomad.partitions import of_days

    return of_days(days(workspace, when)) if workspace.project.partitioned(name) else (None,)


def tell_nothing(tables: Sequence[TableName], at: Iterable[Partition | None]) -> None:
    """Say that nothing is published of some tables at some dates, or at all."""
    from nomad.partitions import briefly

    dated = [p for p in at if p]
    then = f" at {briefly(dated)}" if dated else ""
    click.echo(f"nothing is published of {', '.join(map(str, tables))}{then}", err=True)


class Chosen(NamedTuple):
    """What a user selected, as typed."""

    words: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def tables(self, workspace: Workspace) -> list[TableName]:
        """Name the tables, in the project's order.

        Raises:
            EmptySelection: a word selects nothing, or nothing is left.
        """
        from nomad.project.selection import select

        found = select(workspace.project, self.words, exclude=self.excluded)
        return [n for n in workspace.project.order if n in found]

    def fault_code(self, workspace: Workspace) -> int:
        """Give the exit code of what is broken among the tables selected, or (of all) of none."""
        from nomad.run.planning import fault_code

        return fault_code(workspace, self.tables(workspace), strays=not self.words)


def selection(command: Command) -> Command:
    """Add SELECT…, --select and --exclude; they come in as `chosen`, a `Chosen`."""

    @click.argument("words", nargs=-1, metavar="[SELECT]...", shell_complete=complete_tables)
    @click.option(
        "--select", "-s", "more", multiple=True, help="Tables, layers, globs, tag:…, +x, x+."
    )
    @click.option("--exclude", "excluded", multiple=True, help="The same, to be left out.")
    @functools.wraps(command)
    def selecting(
        words: tuple[str, ...], more: tuple[str, ...], excluded: tuple[str, ...], **rest: Any
    ) -> Any:
        return command(chosen=Chosen((*words, *more), excluded), **rest)

    return selecting


def building(command: Command) -> Command:
    """Add --force, --fail-fast, --wait and --jobs: they come in as `how`, an `Options`.

    And --fail-on-quarantine, which comes in by its name.
    """

    @click.option("--force", is_flag=True, help="Build what is fresh, too.")
    @click.option("--fail-fast/--continue-on-error", "-x", default=False, help="Stop at a failure.")
    @click.option("--wait", is_flag=True, help="Wait for a run that builds the same partitions.")
    @click.option("--jobs", "-j", type=click.IntRange(1), help="Partitions side by side.")
    @click.option("--fail-on-quarantine", is_flag=True, help="Exit 4 if rows were refused.")
    @functools.wraps(command)
    def built(*, force: bool, fail_fast: bool, wait: bool, jobs: int | None, **words: Any) -> Any:
        from nomad.run.scheduler import Options

        how = Options(force=force, fail_fast=fail_fast, wait=wait, jobs=jobs or 0)
        return command(how=how, **words)

    return built


def talk(command: Command) -> Command:
    """Add --quiet, --verbose and --log-format; with --output they come in as `report`."""

    @click.option("--quiet", "-q", is_flag=True, help="Only results and errors.")
    @click.option("--verbose", "-v", is_flag=True, help="Where each partition lies, and its size.")
    @click.option(
        "--log-format",
        type=click.Choice(("text", "json")),
        default="text",
        help="json: each step as a JSON line on standard error.",
    )
    @functools.wraps(command)
    def talking(
        output: str = "table", *, quiet: bool, verbose: bool, log_format: str, **words: Any
    ) -> Any:
        from nomad.cli.report import Report

        report = Report(output, quiet=quiet, verbose=verbose, log_format=log_format)
        return command(report=report, **words)

    return talking


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
