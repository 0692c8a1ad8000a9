"""The daily chain: what can be landed and built is, whatever can't; and cron misses no weekday."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nomad.dates import parse_date, today

SECOND = """\
  second: {connector: file, path: "two/$<PARTITION_DATE>.csv"}
"""


@pytest.fixture
def two(project):
    """The chain, and beside it a second source with a table of its own."""
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + SECOND)
    project.write(
        "sql/ods/ods_second.sql", "select a from raw.second where dt = '$<PARTITION_DATE>'"
    )
    project.write("two/2024-01-02.csv", "a\n1\n")
    return project


def test_a_day_is_landed_and_built(two):
    answer = two("daily", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert two.rows("select count(*) from dws.dws_price") == [[2]]
    assert two("daily", "--dt", "2024-01-02").code == 0


def test_a_source_that_is_late_stops_what_needs_it_and_nothing_else(two):
    """Exit 3; the three tables of the other source are there."""
    answer = two("daily", "--dt", "2024-01-03")

    assert answer.code == 3
    assert "two/2024-01-03.csv" in answer.err
    assert two.rows("select highest from dws.dws_price order by all") == [[3], [4]]
    assert not (two.lake / "ods/ods_second/dt=2024-01-03/manifest.json").exists()


def test_a_project_without_sources_is_built(empty):
    """Nothing to land is no fault."""
    empty.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\n")
    empty.write("sql/ods/ods_one.sql", "select 1 as a")

    answer = empty("daily", "--dt", "2024-01-02")

    assert (answer.code, "sources" in answer.err) == (0, False)
    assert empty.rows("select a from ods.ods_one") == [[1]]


def test_a_range_is_landed_and_built(two):
    answer = two("daily", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err
    assert two.rows("select count(distinct dt) from dwd.dwd_price") == [[2]]


def test_refused_rows_can_make_it_exit_4(project):
    """They are published without; run and backfill have the same option."""
    project.write(
        "sql/ods/ods_price.yml",
        "columns:\n  - name: close\n    tests:\n"
        "      - accepted_values: {values: [1, 3], severity: quarantine}\n",
    )
    assert project("daily", "--dt", "2024-01-02").code == 0

    for command in (("daily",), ("run",), ("backfill",)):
        words = ("--dt", "2024-01-02", "--force", "--fail-on-quarantine")
        answer = project(*command, *words)
        assert answer.code == 4, answer.err
    assert project.rows("select symbol from ods.ods_price") == [["A"]]


def test_a_retry_does_not_forget_the_refused_rows(project):
    """What is fresh counts as well; and one line says why, if quiet."""
    project.write(
        "sql/ods/ods_price.yml",
        "columns:\n  - name: close\n    tests:\n"
        "      - accepted_values: {values: [1, 3], severity: quarantine}\n",
    )
    words = ("daily", "--dt", "2024-01-02", "--fail-on-quarantine", "-q")

    first, again = project(*words), project(*words)

    assert (first.code, again.code) == (4, 4)
    told = "--fail-on-quarantine: 1 row in quarantine, of ods.ods_price\n"
    assert (first.err, again.err) == (told, told)


def test_a_word_that_is_no_date_is_told_once(project):
    answer = project("daily", "--dt", "nonsense")

    assert answer.code == 2
    assert answer.err.count("`nonsense` is not a date") == 1


def fired(lines: list[str], first: datetime, days: int):
    """Give the moments at which cron runs the line, which has minute, hour and days of the week."""
    zone = ZoneInfo(next(x.partition("=")[2] for x in lines if x.startswith("CRON_TZ=")))
    minute, hour, low, high = map(
        int, re.match(r"(\d+) (\d+) \* \* (\d)-(\d)  ", lines[-1]).groups()
    )
    for n in range(days):
        moment = datetime(first.year, first.month, first.day, hour, minute, tzinfo=zone)
        moment += timedelta(days=n)
        if low <= moment.isoweekday() <= high:
            yield moment


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_cron_lands_every_weekday_and_no_other(project, zone):
    """Two weeks of cron: each Monday to Friday is asked for once, the morning after."""
    config = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", config.replace("timezone: UTC", f"timezone: {zone}"))
    lines = project("daily", "--cron").out.splitlines()

    landed = [
        parse_date("yesterday", today=today(zone, moment))
        for moment in fired(lines, datetime(2024, 1, 2, tzinfo=UTC), 14)
    ]

    assert [f"{d:%a %d}" for d in landed] == [
        "Mon 01", "Tue 02", "Wed 03", "Thu 04", "Fri 05",
        "Mon 08", "Tue 09", "Wed 10", "Thu 11", "Fri 12",
    ]  # fmt: skip


def test_cron_is_given_the_options_typed(project):
    words = ["--fail-on-quarantine", "-j", "3", "--var", "x=a b%"]
    project.write("sql/ods/ods_x.sql", "select '$<X>' as a")

    plain = project("daily", "--cron", *words).out
    script = project.write("bin/daily", "#!/bin/sh\n")
    script.chmod(0o755)
    by_script = project("daily", "--cron", *words).out
    dated = project("daily", "--cron", "--dt", "2024-01-02")

    told = "--fail-on-quarantine --jobs=3 '--var=X=a b\\%'\n"
    assert plain.endswith(f" nomad daily --quiet {told}")
    assert by_script.endswith(f" bin/daily yesterday {told}")
    assert (dated.code, dated.out) == (2, "")
    assert "# cronie goes by CRON_TZ; Debian's and Ubuntu's cron by the zone" in plain


def test_the_cron_line_has_all_that_cron_lacks(project):
    """The folder, the environment and its file, where programs are; `%` is a newline to cron."""
    project.write(
        "nomad.yaml", (project.root / "nomad.yaml").read_text() + "environments: {prod: {}}\n"
    )
    project.write(".env", "NOMAD_X=1\n")

    line = project("--env", "prod", "daily", "--cron", env={"PATH": "/usr/bin:/a%b"}).out
    line = line.splitlines()[-1]

    assert line.startswith(f"30 6 * * 2-6  cd {project.root} && set -a && . ./.env && set +a && ")
    assert line.endswith(" NOMAD_ENV=prod PATH=/usr/bin:/a\\%b nomad daily --quiet")
