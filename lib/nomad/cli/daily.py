"""`nomad daily`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from nomad import errors
from nomad.cli import options, say
from nomad.cli.extract import land
from nomad.cli.report import Report, worst
from nomad.cli.run import build

if TYPE_CHECKING:
    from nomad.run.scheduler import Options
    from nomad.workspace import Workspace


@click.command("daily")
@options.dates
@options.building
@options.talk
@click.option("--cron", is_flag=True, help="Only print the lines for a crontab.")
@options.workspace
def command(
    *,
    workspace: Workspace,
    report: Report,
    when: options.When,
    how: Options,
    fail_on_quarantine: bool,
    cron: bool,
) -> None:
    """Land what the sources have, then build what is stale: the whole chain, for a day or a range.

    What can't be landed stops nothing but what needs it. The exit code is the worst of all: that of
    an interrupt, then 3, 2, 1, 4, 6, 5.

    Example: nomad daily --dt 2024-01-02
    """
    if cron:
        if when != options.When():
            raise click.UsageError(
                "--cron is for yesterday's date: leave out --dt, --from and --to"
            )
        words = _words(workspace, report, how, fail_on_quarantine=fail_on_quarantine)
        for line in _crontab(workspace, words):
            click.echo(line)
        return
    options.days(workspace, when)
    sources = workspace.config.sources
    landed = _code(lambda: land(workspace, report, (), when, wait=how.wait)) if sources else 0
    chosen = options.Chosen()
    built = _code(
        lambda: worst(
            build(workspace, report, how, chosen=chosen, when=when),
            fail_on_quarantine=fail_on_quarantine,
        )
    )
    sys.exit(errors.worst((landed, built, _code(lambda: chosen.fault_code(workspace)))))


def _code(act: Callable[[], int]) -> int:
    """Bring one half to its end, whatever becomes of it."""
    try:
        return act()
    except errors.NomadError as e:
        say(e)
        return e.exit_code


_EARLY, _EVERY_DAY = "30 6 * * 2-6", "30 6 * * *"
"""Half past six, Tuesday to Saturday: the day before was a weekday, and it is over.

Where a calendar says which dates are due, one may be on a weekend.
"""


_ZONE = """\
# cronie goes by CRON_TZ; Debian's and Ubuntu's cron by the zone of the machine (`timedatectl`): if
# that is not {0}, write minute, hour and days of the week as they are there.
CRON_TZ={0}"""


def _words(
    workspace: Workspace, report: Report, how: Options, *, fail_on_quarantine: bool
) -> list[str]:
    """Give the options typed, for cron to give them too."""
    flags = {
        "--force": how.force, "--fail-fast": how.fail_fast, "--wait": how.wait,
        "--fail-on-quarantine": fail_on_quarantine, "--verbose": report.verbose,
        f"--jobs={how.jobs}": how.jobs, "--log-format=json": report.log_format == "json",
    }  # fmt: skip
    given = [f"--var={name}={value}" for name, value in workspace.given.items()]
    return [shlex.quote(w) for w in (*(f for f, is_set in flags.items() if is_set), *given)]


def _crontab(workspace: Workspace, given: Sequence[str]) -> Iterator[str]:
    """Write what lands every weekday, or each date of the calendar.

    Cron knows neither the folder nor the environment.
    """
    config = workspace.config
    if config.timezone:
        yield _ZONE.format(config.timezone)
    root = workspace.root
    script = os.access(root / "bin" / "daily", os.X_OK)
    words = [
        f"cd {shlex.quote(str(root))} &&",
        "set -a && . ./.env && set +a &&" if (root / ".env").exists() and not script else "",
        f"NOMAD_ENV={shlex.quote(config.environment)}" if config.environment else "",
        f"PATH={shlex.quote(os.environ.get('PATH', os.defpath))}",
        "bin/daily" if script else "nomad daily --quiet",
        *(("yesterday", *given) if script and given else given),
    ]
    sources = config.sources.values()
    by_calendar = config.calendar or any("calendar" in s.options for s in sources)
    when = _EVERY_DAY if by_calendar else _EARLY
    yield f"{when}  " + " ".join(filter(None, words)).replace("%", "\\%")
