"""The reference project: real prices through all layers, the numbers checked against the input."""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from conftest import Project, rarely

ROOT = Path(__file__).parents[1]
CASH_FLOW = ROOT / "lake" / "inbox" / "accounts" / "cash_flow"
DATES = ("--from", "2023-12-25", "--to", "2024-01-31")


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Project:
    """The repository's own project, in a folder of its own, all dates built."""
    root = tmp_path_factory.mktemp("reference")
    shutil.copytree(ROOT / "sql", root / "sql")
    shutil.copytree(ROOT / "sources", root / "sources")
    shutil.copytree(ROOT / "catalog" / "migrations", root / "catalog" / "migrations")
    shutil.copytree(ROOT / "lake" / "inbox", root / "lake" / "inbox")
    shutil.copy(ROOT / "nomad.yaml", root)
    project = Project(root)
    for command in ("extract", "run"):
        answer = project(command, *DATES)
        assert answer.code == 0, answer.err
    return project


def delivered(vendor: str, day: str) -> list[dict[str, str]]:
    return read(ROOT / "lake/inbox/a-share" / vendor / f"{day}.csv")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


def days() -> list[str]:
    return sorted(p.stem for p in (ROOT / "lake/inbox/a-share/tushare").glob("*.csv"))


def test_every_layer_has_a_table(reference):
    layers = {t["layer"] for t in reference("ls", "-o", "json").json["tables"]}

    assert layers == {"ods", "dwd", "dim", "dwm", "dws", "ads"}


def test_every_table_is_described(reference):
    assert all(t["description"] for t in reference("ls", "-o", "json").json["tables"])


def test_every_column_of_the_price_chain_has_a_type_and_a_description(reference):
    """What hangs on the vendors' prices has a contract, which names the columns published."""
    chain = reference("ls", "ods_daily_stock_price_*+", "-o", "json").json["tables"]

    assert len(chain) == 8
    for table in chain:
        layer, name = table["name"].split(".")
        contract = yaml.safe_load((reference.root / f"sql/{layer}/{name}.yml").read_text())
        columns = reference.rows(f"select column_name, column_type from (describe {layer}.{name})")
        declared = [[c["name"], c["data_type"]] for c in contract["columns"]]
        assert declared == [c for c in columns if c[0] != "dt"]
        assert contract["description"]
        assert contract["unique_key"]
        assert all(c["description"] for c in contract["columns"])


def test_moutai_closed_at_1685_01(reference):
    query = "select close_avg from dwd.dwd_daily_stock_price_dt('2024-01-02') where symbol = "

    assert reference.rows("select count(*) from dwd.dwd_daily_stock_price_dt('2024-01-02')") == [
        [10]
    ]
    assert reference.rows(query + "'600519.SH'") == [[1685.01]]


def test_every_trading_day_is_published_and_no_other(reference):
    published = reference.rows("select distinct dt from dwd.dwd_daily_stock_price order by dt")

    assert [day for (day,) in published] == days()
    assert len(days()) == 27
    assert reference.rows("select count(*) from dwd.dwd_daily_stock_price") == [[270]]


def test_again_there_is_nothing_to_do(reference):
    answer = reference("run", *DATES, "-o", "json")

    assert set(answer.statuses().values()) == {"fresh"}
    assert "no source for 2023-12-30 … 2024-01-01, 2024-01-06" in answer.err


@pytest.mark.parametrize("day", ["2023-12-25", "2024-01-02", "2024-01-31"])
def test_both_vendors_come_out_in_one_form(reference, day):
    """Symbols, dates, shares and yuan against the delivered files themselves."""
    ak = {
        ("SH" if r["股票代码"][0] == "6" else "SZ", r["股票代码"]): r
        for r in delivered("akshare", day)
    }
    ts = {r["ts_code"]: r for r in delivered("tushare", day)}
    columns = "symbol, trade_date, close, volume, amount::varchar as amount"
    ours = reference.rows(f"select {columns} from ods.ods_daily_stock_price_akshare_dt('{day}')")
    theirs = reference.rows(f"select {columns} from ods.ods_daily_stock_price_tushare_dt('{day}')")

    assert {tuple(r) for r in ours} == {
        (
            f"{code}.{market}", day, float(r["收盘"]), int(r["成交量"]) * 100,
            str(Decimal(r["成交额"]).quantize(Decimal("0.01"))),
        )
        for (market, code), r in ak.items()
    }  # fmt: skip
    assert {tuple(r) for r in theirs} == {
        (
            symbol, day, float(r["close"]), round(Decimal(r["vol"]) * 100),
            str((Decimal(r["amount"]) * 1000).quantize(Decimal("0.01"))),
        )
        for symbol, r in ts.items()
    }  # fmt: skip


def test_a_return_is_over_the_previous_trading_day(reference):
    (row,) = reference.rows(
        "select daily_return, close_mean_5d, days_in_mean from dwm.dwm_stock_return"
        " where dt = '2024-01-08' and symbol = '600519.SH'"
    )
    closes = [
        Decimal(next(r["close"] for r in delivered("tushare", d) if r["ts_code"] == "600519.SH"))
        for d in days()
        if d <= "2024-01-08"
    ][-5:]

    assert row[0] == pytest.approx(float(closes[-1] / closes[-2] - 1), abs=1e-6)
    assert row[1] == pytest.approx(float(sum(closes) / 5), abs=1e-4)
    assert row[2] == 5


def test_the_market_adds_up(reference):
    (row,) = reference.rows(
        "select stocks, advancing + declining, turnover from dws.dws_market_daily"
        " where dt = '2024-01-03'"
    )
    turnover = sum(Decimal(r["amount"]) * 1000 for r in delivered("tushare", "2024-01-03"))

    assert row == [10, 10, float(turnover)]


def test_the_calendar_knows_the_holiday(reference):
    assert reference.rows(
        "select next_trade_date from dim.dim_trade_calendar where trade_date = '2023-12-29'"
    ) == [["2024-01-02"]]


def test_a_row_that_only_one_vendor_has_stays(reference, tmp_path):
    project = copied(reference, tmp_path)
    path = project.root / "lake/inbox/a-share/akshare/2024-01-03.csv"
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in text if "600519" not in line) + "\n")
    project("extract", "--dt", "2024-01-03")
    project("run", "--dt", "2024-01-03")

    assert project.rows(
        "select vendors, close_avg from dwd.dwd_daily_stock_price_dt('2024-01-03')"
        " where symbol = '600519.SH'"
    ) == [["tushare", 1694.0]]


def test_a_row_in_other_units_is_set_aside(reference, tmp_path):
    """TuShare's turnover comes in thousands: one in yuan isn't believed; AkShare's row stands."""
    project = copied(reference, tmp_path)
    path = project.root / "lake/inbox/a-share/tushare/2024-01-03.csv"
    path.write_text(path.read_text().replace(",3411400.667", ",3411400667.0"))
    project("extract", "--dt", "2024-01-03")
    project("run", "--dt", "2024-01-03")

    assert project.rows(
        "select _test from quarantine.ods_daily_stock_price_tushare where symbol = '600519.SH'"
    ) == [["amount_is_volume_at_prices_of_the_day"]]
    assert project.rows(
        "select vendors, close_avg, amount from dwd.dwd_daily_stock_price_dt('2024-01-03')"
        " where symbol = '600519.SH'"
    ) == [["akshare", 1694.0, 3411400667.0]]


def copied(project: Project, folder: Path) -> Project:
    shutil.copytree(project.root, folder / "copy")
    return Project(folder / "copy")


@pytest.mark.parametrize("dates", [("--dt", "2024-01-08"), *rarely((DATES,))])
def test_a_rebuild_gives_the_same_content(reference, dates):
    """A deterministic query over the same inputs: the same content hash (I6)."""
    before = content_hashes(reference)

    answer = reference("run", *dates, "--force")

    assert answer.code == 0, answer.err
    assert content_hashes(reference) == before


def content_hashes(project: Project) -> dict[Path, str]:
    """Give the content hash of each published partition, by the path of its manifest."""
    manifests = sorted(project.lake.glob("[a-z]*/*/**/manifest.json"))
    return {
        path: json.loads(path.read_text())["content_hash"]
        for path in manifests
        if "_pieces" not in path.parts
    }


def test_what_a_file_for_each_account_holds_is_cut_into_dates(reference):
    rows = [row for path in CASH_FLOW.glob("*.csv") for row in read(path)]
    expected = sorted((r["flow_id"], r["flow_date"], Decimal(r["amount"])) for r in rows)

    published = reference("sql", "select * from ods.ods_cash_flow order by flow_id", "-o", "csv")

    found = csv.DictReader(published.out.splitlines())
    assert [(r["flow_id"], r["flow_date"], Decimal(r["amount"])) for r in found] == expected


def test_of_what_a_function_gives_the_digits_stay(reference):
    question = "select rate from dim.dim_fee_rate where fee = 'handling' and replaced_on is null"

    assert reference("sql", question, "-o", "csv").out.split() == ["rate", "0.00003410"]
