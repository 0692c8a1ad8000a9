"""`calendar:` of a project, a source or a contract: other dates are nobody's gap."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

WEEK = ("--from", "2024-01-04", "--to", "2024-01-08")
DAYS = ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"]
HERE = DAYS[:3]
SATURDAY = ("--dt", "2024-01-06")
MONTH = """\
-- The month to date.
select max(close) as highest from raw.price
where dt between date_trunc('month', date '$<PARTITION_DATE>') and date '$<PARTITION_DATE>'
"""


def days(project, *given, path="days.csv"):
    project.write(path, "\n".join(["day", *(given or DAYS)]) + "\n")


def deliver(project, *given):
    for day in given:
        project.write(f"in/{day}.csv", f"symbol,close\nA,{day[-2:]}\n")


def say(project, text):
    """Put a line at the top of nomad.yaml."""
    config = (project.root / "nomad.yaml").read_text(encoding="utf-8")
    project.write("nomad.yaml", f"{text}\n{config}")


@pytest.fixture
def week(project):
    """A table by date, one of the month to date, a calendar in a file, and a week of prices."""
    say(project, "calendar: days.csv")
    days(project)
    deliver(project, *HERE)
    project.write("sql/dws/dws_month.sql", MONTH)
    (project.root / "sql/dwd/dwd_price.sql").unlink()
    (project.root / "sql/dws/dws_price.sql").unlink()
    return project


def dates_of(project, table):
    return [str(r[0]) for r in project.rows(f"select distinct dt from {table} order by dt")]


def built(project, *words):
    for command in ("extract", "run"):
        answer = project(command, *words)
        assert answer.code == 0, answer.err


def test_a_month_to_date_table_has_no_saturday(week):
    built(week, *WEEK)

    assert dates_of(week, "dws.dws_month") == HERE
    assert week.rows("select highest from dws.dws_month order by dt")[-1] == ["08"]


@pytest.mark.parametrize("command", ["extract", "run", "daily", "plan", "backfill"])
def test_a_date_outside_is_done_at_once_and_said(week, command):
    answer = week(command, *SATURDAY)

    assert answer.code == 0, answer.err
    assert answer.err.count("2024-01-06 is not in the calendar: nothing due") == 1
    assert not list(week.lake.glob("*/*/dt=2024-01-06"))


def test_a_range_leaves_such_dates_out_in_silence(week):
    assert "calendar" not in week("extract", *WEEK).err
    assert "calendar" not in week("run", *WEEK).err
    answer = week("extract", *WEEK, "-v")

    assert answer.code == 0
    assert "not in the calendar: 2 dates" in answer.err
    assert "passed over" not in answer.err


def test_a_date_that_is_not_asked_for_is_not_said_to_be_outside(week):
    """Of what never failed, `--only failed` asks nothing."""
    assert week("extract", *WEEK).code == 0
    answer = week("extract", *WEEK, "--only", "failed", "-v")

    assert "not in the calendar: 2 dates" in answer.err
    assert "calendar" not in week("extract", "--dt", HERE[0], "--only", "failed").err


def test_what_is_not_due_is_no_step_and_no_gap(week):
    built(week, *WEEK)
    plan = week("plan", *WEEK, "-o", "json")
    status = week("status", "ods_price", *WEEK)
    states = week("status", *WEEK, "-o", "json").json["cells"]

    assert {s["partition_date"] for s in plan.json["steps"]} == {*HERE}
    assert {s["action"] for s in plan.json["steps"]} == {"fresh"}
    assert "ods.ods_price  2024-01     ##  #" in status.out
    assert {s["state"] for s in states} == {"published"}
    assert "nothing to do" in week("backfill", *WEEK, "--dry-run").err


def test_a_date_inside_that_no_source_has_is_an_error(week):
    """Even in a range, of which a date without a calendar would be passed over."""
    (week.root / "in/2024-01-05.csv").unlink()

    answer = week("extract", *WEEK)

    assert answer.code == 3
    assert "in/2024-01-05.csv: source `price` has no file for 2024-01-05" in answer.err
    assert dates_of(week, "raw.price") == ["2024-01-04", "2024-01-08"]


def test_of_many_dates_that_no_source_has_the_first_is_told_and_the_others_are_named(week):
    first = date(2023, 1, 2)
    days(week, *(str(first + timedelta(days=n)) for n in range(30)))

    answer = week("extract", "--from", "2023-01-02", "--to", "2023-01-31")

    assert answer.code == 3
    assert answer.err.count("has no file for") == 1
    assert "raw.price lacks 29 dates more: 2023-01-03 … 2023-01-31" in answer.err


def test_a_plan_does_not_pass_over_a_date_inside(week):
    (week.root / "in/2024-01-05.csv").unlink()
    week("extract", *WEEK)

    plan = week("plan", "ods", *WEEK, "-o", "json")
    run = week("run", "ods", *WEEK, "-o", "json")

    assert plan.statuses()["ods.ods_price 2024-01-05"] == "build"
    assert "passed over" not in plan.err
    assert run.code == 1
    assert run.statuses()["ods.ods_price 2024-01-05"] == "failed"
    assert "raw.price has no dt=2024-01-05" in run.err


def test_a_calendar_that_ends_says_so_and_holds_nothing_back(week):
    """A date after it is due: a calendar that was packed for a year must not end the pipeline."""
    deliver(week, "2024-01-13")
    answer = week("daily", "--dt", "2024-01-13")

    assert answer.code == 0, answer.err
    told = "nomad.yaml:1: the calendar `days.csv` ends with 2024-01-09: each date after it is due"
    assert answer.err.count(told) == 1
    assert dates_of(week, "ods.ods_price") == ["2024-01-13"]


def test_beyond_its_end_a_range_passes_over_what_no_source_has(week):
    deliver(week, "2024-01-09", "2024-01-12")
    answer = week("extract", "--from", "2024-01-08", "--to", "2024-01-13")

    assert answer.code == 0, answer.err
    assert "no source for 2024-01-10 … 2024-01-11, 2024-01-13: passed over" in answer.err


def test_before_its_begin_every_date_is_due(week):
    deliver(week, "2023-12-30")
    answer = week("extract", "--dt", "2023-12-30")

    assert answer.code == 0
    assert "the calendar `days.csv` begins with 2024-01-04" in answer.err


def test_the_file_is_read_again_once_it_is_another(week):
    assert week("extract", *SATURDAY).code == 0
    days(week, *DAYS, "2024-01-06")

    assert week("extract", *SATURDAY).code == 3


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("days.parquet", "select date '2024-01-02' + unnest([0, 2])::int as day, 'x' as why"),
        ("eight.csv", "select unnest(['20240102', '20240104']) as day"),
    ],
)
def test_files_of_either_kind(project, name, make):
    import duckdb

    duckdb.sql(f"copy ({make}) to '{project.root / name}'")
    say(project, f"calendar: {name}")
    deliver(project, "2024-01-04")

    assert project("extract", "--from", "2024-01-02", "--to", "2024-01-04").code == 0
    assert dates_of(project, "raw.price") == ["2024-01-02", "2024-01-04"]


def test_one_date_that_was_published_all_the_same_is_shown(week):
    """It was there before the calendar was."""
    config = (week.root / "nomad.yaml").read_text()
    week.write("nomad.yaml", config.replace("calendar: days.csv\n", ""))
    deliver(week, "2024-01-06")
    built(week, *SATURDAY)
    week.write("nomad.yaml", config)

    (cell,) = week("status", "ods_price", *SATURDAY, "-o", "json").json["cells"]
    assert (cell["state"], cell["partition_date"]) == ("published", "2024-01-06")


def test_a_check_misses_nothing_where_nothing_is_due(week):
    week.write("sql/ods/ods_price.yml", "columns: [{name: close, tests: [not_null]}]\n")

    assert week("check", "ods_price", *SATURDAY).code == 0
    assert week("check", "ods_price", "--dt", "2024-01-05").code == 5


def test_cron_asks_each_day(week):
    (line,) = [x for x in week("daily", "--cron").out.splitlines() if "nomad daily" in x]

    assert line.startswith("30 6 * * *  ")


def test_nomad_config_shows_it(week):
    assert "calendar" in week("config").out
    assert "days.csv" in week("config").out


# A table, a query ---------------------------------------------------------------------------------

CALENDAR = """\
-- The days on which the exchange is open.
select cast(cal_date as date) as cal_date, is_open from raw.trade_cal
"""


@pytest.fixture
def exchange(project):
    """A table by date, and one of trading days made from a source of the project's own."""
    (project.root / "sql/dwd/dwd_price.sql").unlink()
    (project.root / "sql/dws/dws_price.sql").unlink()
    config = (project.root / "nomad.yaml").read_text()
    project.write(
        "nomad.yaml",
        "calendar: {table: dwd.dwd_trade_cal, date: cal_date, where: \"is_open = '1'\"}\n"
        f"{config}  trade_cal: {{connector: file, path: cal.csv}}\n",
    )
    project.write("sql/dwd/dwd_trade_cal.sql", CALENDAR)
    trade_cal(project)
    deliver(project, *HERE)
    return project


def trade_cal(project, *closed):
    first = date(2024, 1, 1)
    rows = []
    for day in (first + timedelta(days=n) for n in range(14)):
        is_open = day.isoweekday() < 6 and str(day) not in ("2024-01-01", *closed)
        rows.append(f"{day},{int(is_open)}")
    project.write("cal.csv", "\n".join(["cal_date,is_open", *rows]) + "\n")


def test_before_its_table_is_there_every_date_is_due(exchange):
    """The first run lands and builds both the calendar and the data; the second goes by it."""
    first = exchange("daily", "--dt", "2024-01-05")
    plan = exchange("plan", *SATURDAY)

    assert first.code == 0, first.err
    assert "2024-01-06 is not in the calendar: nothing due" in plan.err
    assert exchange("daily", *SATURDAY).code == 0


def test_the_first_run_may_be_on_a_holiday(exchange):
    """Then what no source has is an error once, and what the calendar needs is built."""
    assert exchange("daily", *SATURDAY).code == 3
    assert exchange("daily", *SATURDAY).code == 0


def test_its_own_source_is_never_subject_to_it(exchange):
    """A source by date brings the calendar of each day, holidays as well."""
    config = (exchange.root / "nomad.yaml").read_text()
    exchange.write(
        "nomad.yaml", config.replace("path: cal.csv", 'path: "cal/$<PARTITION_DATE>.csv"')
    )
    exchange.write("sql/dwd/dwd_trade_cal.sql", CALENDAR + " where dt <= '$<PARTITION_DATE>'")
    body = (exchange.root / "cal.csv").read_text()
    for day in ("2024-01-05", "2024-01-06"):
        exchange.write(f"cal/{day}.csv", body)
    assert exchange("daily", "--dt", "2024-01-05").code == 0

    answer = exchange("daily", *SATURDAY)

    assert answer.code == 0, answer.err
    assert dates_of(exchange, "raw.trade_cal") == ["2024-01-05", "2024-01-06"]
    assert dates_of(exchange, "dwd.dwd_trade_cal") == ["2024-01-05", "2024-01-06"]
    assert dates_of(exchange, "ods.ods_price") == ["2024-01-05"]


def test_it_is_read_again_once_its_table_is_another(exchange):
    built(exchange, "--dt", "2024-01-05")
    assert exchange("plan", "ods", "--dt", "2024-01-03", "-o", "json").statuses()
    trade_cal(exchange, "2024-01-03")
    built(exchange, "--dt", "2024-01-05")

    assert exchange("plan", "ods", "--dt", "2024-01-03", "-o", "json").statuses() == {}


@pytest.mark.parametrize(
    "said",
    [
        "\"select cal_date from dwd.dwd_trade_cal where is_open = '1'\"",
        "\"from dwd_trade_cal select strftime(cal_date, '%Y%m%d') where is_open = '1'\"",
        '{table: raw.trade_cal, date: CAL_DATE, where: "is_open = $<OPEN>"}\nvars: {open: 1}',
    ],
)
def test_a_query_or_a_source_may_be_one(exchange, said):
    config = (exchange.root / "nomad.yaml").read_text()
    exchange.write("nomad.yaml", f"calendar: {said}\n" + config.split("\n", 1)[1])
    built(exchange, "--dt", "2024-01-05")
    assert "nothing due" in exchange("plan", *SATURDAY).err
    assert "nothing due" in exchange("extract", *SATURDAY, "price").err


def test_a_full_table_of_dates_needs_no_more_words(exchange):
    config = (exchange.root / "nomad.yaml").read_text()
    exchange.write("nomad.yaml", "calendar: dwd_open\n" + config.split("\n", 1)[1])
    exchange.write(
        "sql/dwd/dwd_open.sql",
        "select cal_date, 1 as one from dwd.dwd_trade_cal where is_open = '1'",
    )
    built(exchange, "--dt", "2024-01-05")

    assert "nothing due" in exchange("plan", *SATURDAY).err


# Which applies ------------------------------------------------------------------------------------


@pytest.fixture
def two(project):
    """Two sources with calendars of their own, a table of each, one of both, and one of neither."""
    project.write(
        "nomad.yaml",
        "layers: [ods, dwd, dws]\ntimezone: UTC\ncalendar: project.csv\nsources:\n"
        '  price: {connector: file, path: "in/$<PARTITION_DATE>.csv", calendar: a.csv}\n'
        '  other: {connector: file, path: "two/$<PARTITION_DATE>.csv", calendar: b.csv}\n'
        '  free: {connector: file, path: "free/$<PARTITION_DATE>.csv", calendar: none}\n'
        '  plain: {connector: file, path: "plain/$<PARTITION_DATE>.csv"}\n',
    )
    days(project, *(f"2024-01-0{n}" for n in (2, 3, 4, 5, 9)), path="project.csv")
    days(project, "2024-01-02", "2024-01-03", "2024-01-09", path="a.csv")
    days(project, "2024-01-02", "2024-01-04", "2024-01-09", path="b.csv")
    one = "select * from raw.{} where dt = '$<PARTITION_DATE>'"
    for name in ("price", "other", "free", "plain"):
        project.write(f"sql/ods/ods_{name}.sql", one.format(name))
    for path in (project.root / "sql").glob("d*/*.sql"):
        path.unlink()
    both = (
        "select 1 as one from ods.ods_price a, ods.ods_{} b"
        " where a.dt = '$<PARTITION_DATE>' and b.dt = a.dt"
    )
    project.write("sql/dwd/dwd_both.sql", both.format("other"))
    project.write("sql/dwd/dwd_free.sql", both.format("free"))
    project.write("sql/dwd/dwd_none.sql", "select date '$<PARTITION_DATE>' as day")
    return project


def due(project, table):
    plan = project("plan", table, "--from", "2024-01-02", "--to", "2024-01-07", "-o", "json")
    assert plan.code == 0, plan.err
    return [s["partition_date"][-1] for s in plan.json["steps"]]


@pytest.mark.parametrize(
    ("table", "dates"),
    [
        ("ods_price", "23"),
        ("ods_other", "24"),
        ("ods_plain", "2345"),
        ("dwd_both", "2"),
        ("dwd_free", "23"),
        ("dwd_none", "2345"),
    ],
)
def test_a_table_goes_by_its_inputs_and_a_source_by_its_own(two, table, dates):
    """Of several inputs, by all of them; `none` limits nothing; without any, by the project's."""
    assert due(two, table) == list(dates)


def test_none_of_a_source_is_every_date(two):
    """Whatever the project says; what it hasn't is passed over, as ever."""
    two.write("free/2024-01-06.csv", "a\n1\n")
    answer = two("extract", "free", *SATURDAY)

    assert answer.code == 0, answer.err
    assert "nothing due" in two("extract", "plain", *SATURDAY).err


@pytest.mark.parametrize(("said", "dates"), [("a.csv", "23"), ("none", "234567")])
def test_a_contract_overrules_them(two, said, dates):
    two.write("sql/dwd/dwd_none.yml", f"calendar: {said}\n")

    assert due(two, "dwd_none") == list(dates)


def test_a_calendar_makes_nothing_stale(week):
    week.write("sql/ods/ods_price.yml", "lookback: 1\n")
    built(week, *WEEK)
    week.write("sql/ods/ods_price.yml", "lookback: 1\ncalendar: days.csv\n")
    config = (week.root / "nomad.yaml").read_text()
    week.write("nomad.yaml", config.replace('.csv"}', '.csv", calendar: days.csv}'))

    assert set(week("extract", *WEEK, "-o", "json").statuses().values()) == {"fresh"}
    assert {s["action"] for s in week("plan", *WEEK, "-o", "json").json["steps"]} == {"fresh"}


# Wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("calendar: 5", "nomad.yaml:1: `calendar` must be a text: a table, a query, a file or"),
        ("calendar: a-b", "nomad.yaml:1: `calendar` can't be 'a-b': write a table, a query"),
        ("calendar: {tabel: x}", "`calendar` has no option `tabel`: did you mean `table`?"),
        ("calendar: {date: x}", "`calendar` needs either a `table` or a `file`"),
        ("calendar: {file: x}", "`file` must name a file that ends in .csv or .parquet"),
        ("calendar: none.csv", "nomad.yaml:1: the calendar `none.csv`: no such file"),
        ("calendar: dwd.dwd_prise", "the calendar `dwd.dwd_prise`: no table `dwd.dwd_prise`"),
        ("calendar: select d from nothing", "the calendar of a query: no table `nothing`"),
        ("calendar: \"select '$<PARTITION_DATE>'\"", "must be one SELECT, without"),
        ("calendar: empty.csv", "the calendar `empty.csv`: it holds no date"),
        ("calendar: wrong.csv", "column `day` holds 'soon', which is no date"),
        ("calendar: two.csv", "it has 2 columns of dates: a DATE, b DATE"),
        ("calendar: {file: two.csv, date: c}", "it has no column `c`: a DATE, b DATE"),
        ("calendar: {file: two.csv, date: a, where: nosuch = 1}", "nosuch"),
        ("calendar: {file: two.csv, date: a, where: b < '$<NO>'}", "variable `NO` is not defined"),
    ],
)  # fmt: skip
def test_a_wrong_one_is_refused(project, said, message):
    say(project, said)
    project.write("empty.csv", "day\n")
    project.write("wrong.csv", "day\n2024-01-02\nsoon\n")
    project.write("two.csv", "a,b\n2024-01-02,2024-01-03\n")

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 2, answer.err
    assert message in answer.err


def test_a_wrong_one_of_a_contract_or_a_source_is_refused(project):
    project.write("sql/ods/ods_price.yml", "calendar: 5\n")
    assert "sql/ods/ods_price.yml:1: `calendar` must be a text" in project("plan").err
    config = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", config.replace('.csv"}', '.csv", calendar: {date: x}}'))
    assert "source `price`: `calendar` needs either a `table` or a `file`" in project("plan").err


def test_a_table_without_a_date_is_refused_once_it_is_there(two):
    """Before, every date is due."""
    two.write("sql/dwd/dwd_free.yml", "calendar: dwd.dwd_one\n")
    two.write("sql/dwd/dwd_one.sql", "select 'x' as a, 1 as b")
    assert due(two, "dwd_free") == list("234567")
    built = two("run", "dwd_one")
    assert built.code == 0
    assert "the calendar `dwd.dwd_one`: it has 0 columns of dates" in built.err

    answer = two("plan", "dwd_free", "--dt", "2024-01-03")

    assert answer.code == 2
    told = "the calendar `dwd.dwd_one`: it has 0 columns of dates: a VARCHAR, b INTEGER"
    assert f"sql/dwd/dwd_free.yml:1: {told}" in answer.err
    assert "name it: `calendar: {table: dwd.dwd_one, date: …}`" in answer.err
