"""`examples/tushare`: all sets become tables; what the vendor does wrong is stopped, or told."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from conftest import ROOT, Project
from vendor import Defect, Market, open_vendor
from vendor.interfaces import INTERFACES

EXAMPLE = ROOT / "examples" / "tushare"
PAGE = (EXAMPLE / "README.md").read_text(encoding="utf-8")
TOKEN = "0123456789abcdef-of-tests"
EVENING = datetime(2024, 1, 4, 12, tzinfo=UTC).timestamp()
"""20:00 in Shanghai."""

PRICES = ("suspend_d", "daily", "adj_factor")
TABLES = ("ods_adj_factor", "ods_daily")
LAST = ("--dt", "2024-01-04")
SETS = sorted(set(INTERFACES) - {"suspend_d"})


class Example(Project):
    """The example in a folder of its own, without the waits between requests."""

    def done(self, *words):
        answer = self(*words)
        assert answer.code == 0, answer.out + answer.err
        return answer

    def sum(self, table="ods.ods_daily", where="true"):
        return self.rows(f"select count(*), sum(hash(t)::varchar::hugeint % 1000) from {table} t"
                         f" where {where}")  # fmt: skip


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TUSHARE_TOKEN", TOKEN)
        yield patch


@contextmanager
def opened(environ):
    """Have a vendor of a few stocks, its address in the environment."""
    how = {"market": Market(3), "accounts": {TOKEN: 2000}, "calls": 100_000}
    with open_vendor(clock=lambda: EVENING, **how) as vendor:
        environ.setenv("TUSHARE_URL", vendor.url)
        yield vendor


@pytest.fixture(scope="module")
def built(environ, tmp_path_factory):
    """Prices of two days, landed and built."""
    root = tmp_path_factory.mktemp("built") / "p"
    shutil.copytree(EXAMPLE, root)
    project = Example(root)
    config = (root / "nomad.yaml").read_text(encoding="utf-8")
    config = config.replace("    token:", "    rate: 1000/second\n    token:")
    project.write("nomad.yaml", config)
    with opened(environ):
        days = ("--from", "2024-01-02", "--to", "2024-01-03")
        project.done("extract", "trade_cal", "stock_basic")
        project.done("extract", *PRICES, *days)
        project.done("run", *TABLES, *days)
    return project


@pytest.fixture
def vendor(environ):
    with opened(environ) as made:
        yield made


@pytest.fixture
def project(built, tmp_path):
    root = tmp_path / "p"
    shutil.copytree(built.root, root)
    return Example(root)


@pytest.mark.usefixtures("vendor")
def test_what_the_page_types_works(project):
    commands = re.findall(r"^\$ nomad (.+)$", PAGE, re.MULTILINE)
    for command in commands:
        answer = project.done(*shlex.split(command))

    assert len(commands) == 5
    assert len(re.findall(r"\d{6}\.S[HZ]", answer.out)) == 3


@pytest.mark.usefixtures("vendor")
def test_all_sets_become_tables(project):
    project.done("extract", *LAST)
    project.done("run", *LAST)

    counts = {s: project.rows(f"select count(*) from ods.ods_{s}")[0][0] for s in SETS}
    assert len(counts) == 17
    assert [s for s, n in counts.items() if not n] == []
    assert project.rows(
        "select count(*) from ods.ods_daily d join raw.daily r using (ts_code, dt)"
        " where d.volume = round(r.vol * 100) and d.amount = (r.amount * 1000)::decimal(20, 2)"
    ) == [[counts["daily"]]]
    assert (
        project.rows(
            "select count(*), count(*) filter (ods.update_flag = '1')"
            " from ods.ods_income ods join raw.income r"
            " on ods.ts_code = r.ts_code and strftime(ods.end_date, '%Y%m%d') = r.end_date"
            " and ods.n_income = r.n_income::decimal(24, 4) and r.update_flag = '1'"
        )[0]
        == [revised(project)] * 2
    )
    assert project("run", *LAST).out.count("published") == 0


def revised(project):
    found = project.rows("select count(*) from raw.income where update_flag = '1'")[0][0]
    assert found > 2
    return found


STOPPED = {
    Defect.MISSING_ROWS: ("extract", 5, "not complete"),
    Defect.TRUNCATED_PAGE: ("extract", 5, "not complete"),
    Defect.RENAMED_COLUMN: ("extract", 4, "lacks `close`"),
    Defect.YESTERDAY: ("run", 4, "is_not_the_day_before"),
    Defect.HTML: ("extract", 4, "HTML came where JSON was due"),
    Defect.EMPTY: ("extract", 3, "TuShare gave no row"),
    Defect.DUPLICATED_PAGE: ("extract", 4, "the same rows as the one before"),
    Defect.OTHER_UNIT: ("run", 4, "amount_is_volume_at_prices_of_the_day"),
    Defect.NO_POINTS: ("extract", 3, "too few points for `daily`"),
    Defect.LATE: ("extract", 3, "TuShare gave no row"),
    Defect.WRONG_CODES: ("run", 4, "goes_on_from_the_day_before"),
}


@pytest.mark.parametrize("defect", STOPPED)
def test_what_the_vendor_does_wrong_is_stopped_before_it_is_published(vendor, project, defect):
    vendor.defects, vendor.only = {defect}, ("daily",)
    vendor.caps = {"daily": 2} if defect is Defect.DUPLICATED_PAGE else {}
    command, code, word = STOPPED[defect]
    before = project.sum()

    answer = project("extract", *PRICES, *LAST)
    if command == "run":
        assert answer.code == 0, answer.out + answer.err
        answer = project("run", *TABLES, *LAST)

    assert answer.code == code, answer.out + answer.err
    assert word in answer.out + answer.err
    assert project.sum() == before


def test_a_column_that_is_new_is_told_and_stops_nothing(vendor, project, caplog):
    vendor.defects, vendor.only = {Defect.NEW_COLUMN}, ("daily",)
    project.done("extract", *PRICES, *LAST)
    project.done("run", *TABLES, *LAST)

    assert "new since the version before: new_field" in caplog.text
    assert project.rows("select count(*) from ods.ods_daily where dt = '2024-01-04'") == [[3]]


def test_each_defect_has_its_test_and_its_place_on_the_page():
    assert {*STOPPED, Defect.NEW_COLUMN} == set(Defect)
    _, told = PAGE.split("## What the vendor may do wrong")
    assert set(re.findall(r"^\| `(\w+)`", told, re.MULTILINE)) == set(Defect)
