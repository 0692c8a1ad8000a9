"""The vendor of the tests: its figures fit together, and what it does wrong can be told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from conftest import ROOT, Project
from vendor import Defect, Market, Vendor
from vendor.fields import DEFAULT
from vendor.interfaces import INTERFACES
from vendor.market import open_days
from web import Asked, Clock

TOKEN = "token-of-tests"
DAY = "20240102"
PARAMS = {
    **{api: {"ts_code": "600000.SH"} for api in INTERFACES},
    **{api: {"ts_code": "000300.SH"} for api in ("index_daily", "index_dailybasic")},
    **{api: {} for api in ("trade_cal", "index_basic", "stock_basic")},
    "suspend_d": {"start_date": "20230101", "end_date": "20231231"},
    "index_weight": {"index_code": "000300.SH", "start_date": "20240101", "end_date": "20240331"},
}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def vendor():
    return Vendor(clock=Clock(moment("2024-06-03T12:00:00")))


def ask(vendor, api, *, token=TOKEN, fields="", **params):
    body = {"api_name": api, "token": token, "params": params, "fields": fields}
    return vendor.answer(Asked("POST", "/", {}, {}, json.dumps(body).encode()))


def data(vendor, api, **how):
    told = json.loads(ask(vendor, api, **how).data)
    assert told["code"] == 0, told
    return told["data"]


def rows(vendor, api, **how):
    found = data(vendor, api, **how)
    return [dict(zip(found["fields"], item, strict=True)) for item in found["items"]]


@pytest.mark.parametrize("api", INTERFACES)
def test_each_interface_answers_with_its_fields(vendor, api):
    found = data(vendor, api, **PARAMS[api])

    assert found["fields"] == list(DEFAULT[api])
    assert found["items"]


def test_prices_of_a_day_fit_each_other_and_the_days_before():
    vendor = Vendor(Market(50), clock=Clock(moment("2024-06-03T12:00:00")))
    for code, factors in _factors(vendor).items():
        bars = {r["trade_date"]: r for r in rows(vendor, "daily", ts_code=code)}
        days = sorted(bars)[-500:]
        for earlier, day in pairwise(days):
            bar = bars[day]
            assert bar["low"] <= bar["amount"] * 10 / bar["vol"] <= bar["high"]
            assert bar["low"] <= min(bar["open"], bar["close"]) <= bar["high"]
            step = factors[day] / factors[earlier]
            assert bar["pre_close"] == pytest.approx(bars[earlier]["close"] / step, abs=0.006)


def _factors(vendor):
    found = {}
    for code in ("600000.SH", "000001.SZ", "920001.BJ"):
        got = rows(vendor, "adj_factor", ts_code=code)
        found[code] = {r["trade_date"]: r["adj_factor"] for r in got}
        assert len(set(found[code].values())) > 5
    return found


def test_a_day_is_not_there_before_its_hour(vendor):
    vendor.clock = Clock(moment("2024-01-02T07:59:00"))
    assert data(vendor, "daily", trade_date=DAY)["items"] == []

    vendor.clock = Clock(moment("2024-01-02T09:00:00"))
    assert len(data(vendor, "daily", trade_date=DAY)["items"]) > 5


def test_pages_are_cut_by_limit_and_offset(vendor):
    vendor.caps = {"daily": 5}
    first, second = (data(vendor, "daily", trade_date=DAY, offset=n) for n in (0, 5))

    assert (len(first["items"]), first["has_more"]) == (5, True)
    assert first["items"][-1] != second["items"][0]
    assert len(data(vendor, "daily", trade_date=DAY, limit=2)["items"]) == 2


def test_above_its_limit_an_account_is_told_and_then_banned(vendor):
    vendor.calls = 3
    codes = [json.loads(ask(vendor, "daily", trade_date=DAY).data)["code"] for _ in range(5)]
    assert codes == [0, 0, 0, 40203, 40203]
    assert json.loads(ask(vendor, "adj_factor", trade_date=DAY).data)["code"] == 0

    for _ in range(20):
        last = ask(vendor, "daily", trade_date=DAY)
    assert (vendor.bans, last.status) == (1, 403)


@pytest.mark.parametrize(
    ("how", "code", "word"),
    [
        ({"token": "wrong"}, 40101, "token不对"),
        ({"api": "dayly"}, 40101, "接口名"),
        ({"api": "index_daily"}, 50101, "必填参数, ts_code"),
        ({"trade_date": "2024-01-02"}, 50101, "确认参数"),
    ],
)
def test_what_is_asked_wrongly_has_its_code(vendor, how, code, word):
    told = json.loads(ask(vendor, **{"api": "daily", **how}).data)

    assert (told["code"], told["data"]) == (code, None)
    assert word in told["msg"]


def test_who_has_too_few_points_is_refused(vendor):
    vendor.accounts = {TOKEN: 120}

    assert "没有接口(adj_factor)访问权限" in json.loads(ask(vendor, "adj_factor").data)["msg"]
    assert data(vendor, "daily", trade_date=DAY)["items"]


@pytest.mark.parametrize("defect", Defect)
def test_each_defect_changes_the_answer(vendor, defect):
    vendor.caps, params = {"daily": 6}, {"trade_date": "20240603", "offset": "6"}
    vendor.clock = Clock(moment("2024-06-03T10:00:00"))
    right = ask(vendor, "daily", **params).data
    vendor.defects = {defect}

    assert ask(vendor, "daily", **params).data != right


def test_a_revised_statement_comes_beside_the_first_one(vendor):
    vendor.market = Market(20)
    found = [rows(vendor, "income", ts_code=s.code) for s in vendor.market.stocks]
    periods = [(r["ts_code"], r["end_date"]) for group in found for r in group]

    revised = [r for group in found for r in group if r["update_flag"] == "1"]
    assert len(periods) - len(set(periods)) == len(revised) > 10


def test_the_calendar_ends():
    assert (open_days()[0].year, open_days()[-1].isoformat()) == (2014, "2026-12-31")


def test_it_can_be_started_for_a_look_around(tmp_path, monkeypatch):
    """What it prints is a configuration that works."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TUSHARE_TOKEN", TOKEN)
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    started = [sys.executable, "-m", "vendor", "new_column"]
    with subprocess.Popen(started, env=environ, stdout=subprocess.PIPE, text=True) as vendor:
        try:
            lines = list(iter(vendor.stdout.readline, "Ctrl-C ends it.\n"))
            text = "".join(lines)
            project = Project(tmp_path / "p")
            project.write("nomad.yaml", text[text.index("timezone") : text.index("then:")])
            answer = project("extract", "--dt", "2024-01-02")
            assert answer.code == 0, answer.err
        finally:
            vendor.send_signal(signal.SIGINT)

    assert vendor.returncode == 0
    assert project.rows("select count(*), max(new_field) from raw.daily")[0][1] == 1
