"""Connector `tushare`, typed as users do, against a vendor that answers as TuShare does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from conftest import ROOT, Project
from nomad.config.sources import SourceConfig
from nomad.errors import Unreachable
from nomad.extract.base import Request
from nomad.extract.connectors.tushare import CONNECTOR
from vendor import Defect, Market, open_vendor
from vendor.interfaces import Interface
from web import Clock, Reply, serving

TOKEN = "0123456789abcdef-of-tests"
DATED = 'params: {trade_date: "$<PARTITION_DATE:%Y%m%d>"}'
FAST = "rate: 1000/second"
DAY = ("--dt", "2024-01-02")


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """What is known of hosts lies with the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("TUSHARE_TOKEN", TOKEN)


@pytest.fixture
def vendor():
    with open_vendor(market=Market(12), accounts={TOKEN: 2000}, calls=10_000) as made:
        yield made


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "p")


def source(project, vendor, options, *, api="daily", fast=FAST, name="s"):
    told = f'connector: tushare, url: "{vendor.url}", token: "${{TUSHARE_TOKEN}}", api: {api}'
    options = ", ".join(filter(None, (told, options, fast)))
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  {name}: {{{options}}}\n")


def landed(project, table="raw.s"):
    return project.rows(f"select count(*) from {table}")[0][0]


def data_files(project, folder=""):
    every = (project.lake / "raw" / "s" / folder).glob("*.json")
    return [p for p in every if p.name != "manifest.json"]


# Landing -----------------------------------------------------------------------------------------


def test_a_date_lands_as_the_vendor_spelled_it(vendor, project):
    source(project, vendor, DATED)
    answer = project("extract", *DAY)
    assert answer.code == 0, answer.err

    (file,) = data_files(project, "dt=2024-01-02")
    first = json.loads(file.read_text(encoding="utf-8").splitlines()[0], parse_float=str)
    assert list(first)[:4] == ["ts_code", "trade_date", "open", "high"]
    assert first["trade_date"] == "20240102"
    assert landed(project) == vendor_rows(vendor, "20240102") > 8
    assert vendor.count("daily", trade_date="20240102") == 1


def vendor_rows(vendor, day):
    return sum(s.trades(_number(day)) for s in vendor.market.stocks)


def _number(day):
    from vendor.market import open_days

    return open_days().index(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date())


def test_digits_and_columns_are_those_of_the_answer(project):
    items = '[[1.10, "A", 9007199254740993], [2e1, null, 1]]'
    data = f'{{"fields": ["v", "ts_code", "n"], "items": {items}}}'
    with serving(lambda _: Reply(f'{{"code": 0, "data": {data}, "msg": ""}}')) as web:
        source(project, web, "fields: [ts_code, v, n]")
        assert project("extract").code == 0

    (file,) = data_files(project)
    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"v": 1.10, "ts_code": "A", "n": 9007199254740993}',
        '{"v": 2e1, "ts_code": null, "n": 1}',
    ]
    assert web.calls[0].json["fields"] == "ts_code,v,n"


def test_the_fields_that_are_asked_for_come(vendor, project):
    source(project, vendor, f"{DATED}, fields: [ts_code, close]")
    assert project("extract", *DAY).code == 0

    found = project.rows("select column_name from (describe raw.s)")
    assert [name for (name,) in found] == ["ts_code", "close", "dt"]


def test_each_stock_is_a_part(vendor, project):
    options = "params: {ts_code: $<EACH>}, each: ['600000.SH', '000001.SZ'], key: [ts_code]"
    source(project, vendor, options, api="income", fast=f"{FAST}, dt: end_date")
    answer = project("extract", *DAY)
    assert answer.code == 0, answer.err

    assert project.rows("select count(distinct ts_code) from raw.s") == [[2]]
    assert len(vendor.asked) == 2


def test_each_year_is_a_part(vendor, project):
    years = 'params: {start_date: "$<EACH_FIRST:%Y%m%d>", end_date: "$<EACH_LAST:%Y%m%d>"}'
    source(project, vendor, f"{years}, each: {{years: 2024}}", api="trade_cal")
    answer = project("extract")
    assert answer.code == 0, answer.err

    found = project.rows("select count(*) from raw.s where cal_date like '2024%'")
    assert found == [[366]]


def test_pages_are_asked_for_to_the_end(vendor, project):
    vendor.caps = {"daily": 5}
    source(project, vendor, f"{DATED}, page: 5")
    assert project("extract", *DAY).code == 0

    assert landed(project) == vendor_rows(vendor, "20240102")
    assert [int(p["offset"]) for _, p in vendor.asked] == [0, 5, 10]


def test_a_full_page_counts_as_cut_off_whatever_the_vendor_says(project):
    """Nothing says that there is more: only the number of rows."""

    def answer(asked):
        at = int(asked.json["params"]["offset"])
        items = [[n] for n in range(at, min(at + 500, 700))]
        data = {"fields": ["n"], "items": items, "has_more": False}
        return Reply({"code": 0, "data": data, "msg": ""})

    with serving(answer) as web:
        source(project, web, "page: 2000")
        assert project("extract").code == 0

    assert landed(project) == 700


def test_a_look_costs_one_call(vendor, project):
    source(project, vendor, DATED)
    first = project("test-connection")
    assert first.code == 0, first.err

    assert "`daily`" in first.out
    assert len(vendor.asked) == 1


def test_a_sample_asks_for_no_more_than_it_shows(vendor, project):
    source(project, vendor, DATED)
    answer = project("sample", "s", *DAY, "--limit", "3", "--output", "json")
    assert answer.code == 0, answer.err

    assert [p["limit"] for _, p in vendor.asked] == ["3"]


# Nothing, or not all -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "api"), [(DATED, "daily"), ("params: {ts_code: $<EACH>}, each: [X]", "income")]
)
def test_an_empty_answer_is_missing(vendor, project, options, api):
    source(project, vendor, options, api=api)
    answer = project("extract", "--dt", "2024-01-06")

    assert answer.code == 3
    assert "TuShare gave no row" in answer.err


@pytest.mark.parametrize("codes", ["X, '600000.SH'", "'600000.SH', X"])
def test_a_part_that_may_be_empty_is_asked_for_once(vendor, project, codes):
    options = f"params: {{ts_code: $<EACH>}}, each: [{codes}], once: true, empty: allow"
    source(project, vendor, options, api="express")
    for _ in range(2):
        answer = project("extract")
        assert answer.code == 0, answer.err

    assert len(vendor.asked) == 2
    assert project.rows("select distinct ts_code from raw.s") == [["600000.SH"]]
    names = [name for name, *_ in project.rows("from (describe raw.s)")]
    assert (len(names), "json" in names) == (14, False)


def test_parts_that_are_all_empty_are_no_error(vendor, project):
    options = "params: {ts_code: $<EACH>}, each: [X, Y], empty: allow, dt: ann_date, once: true"
    source(project, vendor, options, api="express")
    for _ in range(2):
        answer = project("extract")
        assert answer.code == 0, answer.err

    assert len(vendor.asked) == 2


def faulty(project, vendor, options=DATED, *, day="2024-01-02", code=4):
    source(project, vendor, options)
    answer = project("extract", "--dt", day)
    assert answer.code == code, answer.err
    assert not list(project.lake.glob("raw/s/dt=*"))
    return answer.err


def test_a_field_that_is_gone_is_refused(vendor, project):
    vendor.defects = {Defect.RENAMED_COLUMN}

    assert "lacks the field `close`" in faulty(project, vendor, f"{DATED}, fields: 'ts_code,close'")


def test_a_page_that_comes_twice_is_refused(vendor, project):
    vendor.defects, vendor.caps = {Defect.DUPLICATED_PAGE}, {"daily": 5}

    assert "the same rows as the one before" in faulty(project, vendor, f"{DATED}, page: 5")


def test_html_is_refused(vendor, project):
    vendor.defects = {Defect.HTML}

    assert "HTML came where JSON was due" in faulty(project, vendor)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (None, "no `data`"),
        ({"fields": ["a", "b"], "items": [[1]]}, "1 values for 2 names"),
        ({"fields": ["a", "a"], "items": [[1, 2]]}, "has the field `a` twice"),
        ({"fields": ["a"], "items": [], "has_more": True}, "says that there are more"),
        ({"fields": ["a"]}, "no `data.items`"),
    ],
)
def test_an_odd_answer_is_refused(project, data, word):
    with serving(lambda _: Reply({"code": 0, "data": data, "msg": ""})) as web:
        assert word in faulty(project, web)


def test_what_can_not_be_paged_is_refused_at_its_limit(vendor, project):
    vendor.caps = {"daily": 5}

    assert "is cut off at 5 rows" in faulty(project, vendor, f"{DATED}, paging: false")


def test_a_redirect_is_not_followed(vendor, project):
    """The token stands in what is sent: it goes to no other address."""
    moved = Reply(status=307, headers=(("Location", f"{vendor.url}/elsewhere"),))
    with serving(lambda _: moved) as web:
        assert "HTTP 307" in faulty(project, web, code=3)
    assert vendor.asked == []


# Codes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "options", "word"),
    [
        ("dayly", DATED, "did you mean `daily`?"),
        ("income", DATED, "必填参数, ts_code"),
        (
            "daily",
            'params: {trade_date: "$<PARTITION_DATE>"}',
            "`daily` can't be asked like that",
        ),
    ],
)
def test_what_is_asked_wrongly_is_misuse(vendor, project, api, options, word):
    source(project, vendor, options, api=api)
    answer = project("extract", *DAY)

    assert answer.code == 2
    assert word in answer.err


def test_a_wrong_token_is_told_without_being_shown(vendor, project, monkeypatch):
    monkeypatch.setenv("TUSHARE_TOKEN", wrong := "fedcba9876543210-wrong")
    source(project, vendor, DATED)
    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-05")

    assert answer.code == 3
    assert "TuShare doesn't know the token" in answer.err
    assert "set TUSHARE_TOKEN" in answer.err
    assert len(vendor.asked) == 1
    assert wrong not in everything(project) + answer.out + answer.err


def test_too_few_points_are_told_once(vendor, project):
    vendor.accounts = {TOKEN: 120}
    source(project, vendor, DATED, api="adj_factor")
    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-05")

    assert answer.code == 3
    assert "too few points for `adj_factor` (as far as is known, it takes 2,000" in answer.err
    assert len(vendor.asked) == 1


def everything(project):
    """All that lies in the project but for the configuration."""
    files = (p for p in project.root.rglob("*") if p.is_file() and p.name != "nomad.yaml")
    return "".join(p.read_bytes().decode(errors="replace") for p in files)


def test_the_token_is_nowhere(vendor, project, tmp_path):
    source(project, vendor, DATED)
    assert project("extract", *DAY).code == 0
    cache = tmp_path / "cache"

    assert "daily" in everything(project)
    assert TOKEN not in everything(project)
    assert not [p for p in cache.rglob("*") if TOKEN in p.name]


# Limits ------------------------------------------------------------------------------------------


def fetch(vendor, clock, folder, **options):
    told = {"url": vendor.url, "token": TOKEN, "api": "daily", "rate": "1000/second", **options}
    told = {name: value for name, value in told.items() if value is not None}
    request = Request(
        SourceConfig("s", "tushare", told, "nomad.yaml:1"),
        None,
        folder,
        clock=lambda: datetime.fromtimestamp(clock.now, UTC),
        sleep=clock.sleep,
    )
    return [f.path.read_text(encoding="utf-8") for f in CONNECTOR.fetch(request, folder)]


OVER = "抱歉，您访问接口(daily)频率超限(500次/分钟)，具体频次详情：https://tushare.pro。"
OLDER = "抱歉，您每分钟最多访问该接口500次，权限的具体详情访问：https://tushare.pro。"
HOURLY = "抱歉，您访问接口(daily)频率超限(1次/小时)，具体频次详情：https://tushare.pro。"
DAILY = "抱歉，您每天最多访问该接口2次，权限的具体详情访问：https://tushare.pro。"
GOOD = Reply({"code": 0, "data": {"fields": ["n"], "items": [[1]]}, "msg": ""})


def busy(msg):
    return Reply({"code": 40203, "data": None, "msg": msg})


@pytest.mark.parametrize("msg", [OVER, OLDER])
def test_over_its_limit_it_waits_a_minute_and_asks_again(tmp_path, msg):
    clock = Clock()
    with serving() as web:
        web.replies(busy(msg), GOOD)
        assert fetch(web, clock, tmp_path) == ['{"n": 1}\n']

    assert 60 <= sum(clock.slept) < 62


@pytest.mark.parametrize(("msg", "most"), [(HOURLY, 3600), (DAILY, 86400)])
def test_where_the_wait_is_too_long_it_is_left_alone_until_then(tmp_path, msg, most):
    clock = Clock()
    with serving() as web:
        web.replies(busy(msg), GOOD)
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"before|left alone until"):
                fetch(web, clock, tmp_path)
        assert len(web.calls) == 1

        clock.now += most
        assert fetch(web, clock, tmp_path) == ['{"n": 1}\n']


def test_interfaces_and_accounts_are_counted_apart(tmp_path):
    clock = Clock()
    with serving(lambda _: GOOD) as web:
        for options in ({}, {"api": "income"}, {"token": "another-account"}):
            fetch(web, clock, tmp_path, rate="1/minute", **options)
        assert clock.slept == []

        fetch(web, clock, tmp_path, rate="1/minute")
    assert clock.slept == [pytest.approx(63)]


@pytest.mark.parametrize(("points", "seconds"), [(120, 1.26), (2000, 0.315), (5000, 0.126)])
def test_by_itself_it_goes_by_the_points_of_the_account(tmp_path, points, seconds):
    clock = Clock()
    with serving(lambda _: GOOD) as web:
        for _ in range(2):
            fetch(web, clock, tmp_path, points=points, rate=None)

    assert clock.slept == [pytest.approx(seconds)]


def process(project, *words):
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    command = [sys.executable, "-m", "nomad", *words]
    return subprocess.Popen(command, cwd=project.root, env=environ, stderr=subprocess.PIPE)


def test_two_processes_at_once_keep_the_limit_together(vendor, tmp_path):
    """Each by itself would make as many calls as both may."""
    vendor.calls, vendor.minute = 24, 1.0
    runs = []
    for name in ("a", "b"):
        project = Project(tmp_path / name)
        source(project, vendor, DATED, fast="rate: 20/second")
        runs.append(process(project, "extract", "--from", "2024-01-02", "--to", "2024-01-19"))
    for run in runs:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err.decode()

    assert (vendor.over, vendor.bans) == (0, 0)
    assert len(vendor.asked) == 2 * 18
    assert max(vendor.at) - min(vendor.at) > 35 * 0.05


# Killed ------------------------------------------------------------------------------------------


def test_a_backfill_that_is_killed_asks_for_nothing_twice_but_what_was_in_flight(vendor, project):
    source(project, vendor, DATED)
    words = ("extract", "--from", "2024-01-02", "--to", "2024-01-31")

    def kill(_api, params):
        if params["trade_date"] == "20240112":
            os.kill(run.pid, signal.SIGKILL)

    vendor.before_answer = kill
    run = process(project, *words)
    run.communicate(timeout=60)
    assert run.returncode == -signal.SIGKILL
    before = len(vendor.asked)

    vendor.before_answer = lambda _api, _params: None
    answer = project(*words, "--only", "failed,missing,waiting")
    assert answer.code == 0, answer.err

    days = [p["trade_date"] for _, p in vendor.asked]
    twice = {d for d in days if days.count(d) > 1}
    assert before == 11
    assert twice == {"20240106", "20240107", "20240112"}, "two of these had nothing"
    assert len(days) == 30 + len(twice)
    assert project.rows("select count(distinct dt) from raw.s") == [[22]]


def test_a_page_that_is_there_is_not_asked_for_again(vendor, project):
    vendor.caps = {"daily": 4}
    source(project, vendor, f"{DATED}, page: 4")

    def kill(_api, params):
        if params["offset"] == "8":
            os.kill(run.pid, signal.SIGKILL)

    vendor.before_answer = kill
    run = process(project, "extract", *DAY)
    run.communicate(timeout=60)
    assert not list(project.lake.glob("raw/s/dt=*/manifest.json"))

    vendor.before_answer = lambda _api, _params: None
    assert project("extract", *DAY).code == 0
    assert landed(project) == vendor_rows(vendor, "20240102")
    assert [p["offset"] for _, p in vendor.asked] == ["0", "4", "8", "8", "12"]


# Options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("params: {limit: 5}", "`params` can't hold `limit`"),
        ("params: {ts_code: {a: 1}}", "must hold texts, or lists of them"),
        ("params: {start_date: $<WATERMARK>}", "can't hold $<WATERMARK>"),
        ("page: 0", "`page` must be a whole number above 0"),
        ("points: few", "`points` must be a number"),
        ("feilds: [a]", "did you mean `fields`?"),
        ("empty: yes", "`empty` can't be"),
    ],
)
def test_a_wrong_setting_is_refused(vendor, project, options, word):
    source(project, vendor, options)
    answer = project("extract", *DAY)

    assert answer.code == 2
    assert word in answer.err
    assert vendor.asked == []


def test_several_codes_are_one_parameter(vendor, project):
    source(project, vendor, f"{DATED[:-1]}, ts_code: ['600000.SH', '000001.SZ']}}")
    assert project("extract", *DAY).code == 0

    assert vendor.asked[0][1]["ts_code"] == "600000.SH,000001.SZ"
    assert landed(project) == 2


def test_the_limits_that_are_known_are_no_higher_than_those_of_the_vendor():
    from nomad.extract.tushare_limits import INTERFACES
    from vendor.interfaces import INTERFACES as ITS

    assert INTERFACES.keys() == ITS.keys()
    for api, known in INTERFACES.items():
        its: Interface = ITS[api]
        assert (known.rows <= its.cap, known.points >= its.points) == (True, True)
        assert not its.calls or (known.calls or 200) <= its.calls
