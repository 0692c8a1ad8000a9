"""The page on backfills shows a calendar of a year: it is built here, and the page held to it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from conftest import ROOT, chain, kept

YEAR = ("--from", "2024-01-01", "--to", "2024-12-31")
QUARANTINE = "tests: [{name: not_too_dear, expression: 'close < 90', severity: quarantine}]\n"


ODD = {"2024-05-14": "A,x", "2024-07-04": "A,0"}


@kept
def built_year(project):
    chain(project)
    (project.root / "sql" / "dws" / "dws_price.sql").unlink()
    project.write("sql/ods/ods_price.yml", QUARANTINE + "max_quarantined: 100%\n")
    days = [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    for day in (d for d in days if d.weekday() < 5):
        rows = ODD.get(str(day), f"A,{day.month + 3 * day.day}\nB,1")
        project.write(f"in/{day}.csv", f"symbol,close\n{rows}\n")
    assert project("extract", *YEAR).code == 0
    assert project("backfill", "--from", "2024-01-01", "--to", "2024-10-31").code == 1
    for day in ("2024-03-05", "2024-03-06"):
        project.write(f"in/{day}.csv", "symbol,close\nA,1\n")
    project("extract", "--from", "2024-03-05", "--to", "2024-03-06")


@pytest.fixture
def year(built_year):
    """Prices of each weekday; some days too dear, one of text, one of nothing worth a row."""
    return built_year()


def test_the_page_shows_what_status_prints(year):
    shown = year("status", *YEAR)
    page = (ROOT / "docs" / "backfill.md").read_text(encoding="utf-8")

    assert shown.code == 0, shown.err
    assert max(map(len, shown.out.splitlines())) <= 100
    assert shown.out.rstrip() in page


def test_its_json_agrees_with_the_manifests(year):
    cells = year("status", *YEAR, "-o", "json").json["cells"]

    for cell in cells:
        folder = year.lake / cell["table"].replace(".", "/") / f"dt={cell['partition_date']}"
        there = (folder / "manifest.json").exists()
        assert there == (cell["state"] not in ("missing", "failed")), cell
        if there:
            manifest = year.manifest(cell["table"], cell["partition_date"])
            assert manifest["row_count"] == cell["row_count"]
            assert ("quarantined" in manifest) or cell["state"] != "quarantined"
    assert {c["state"] for c in cells} == {
        "published", "empty", "stale", "missing", "failed", "quarantined"
    }  # fmt: skip
