"""The calendar: what state each table is in at each date."""

from __future__ import annotations

RANGE = ("--from", "2024-01-01", "--to", "2024-01-07")


def states(project, *words):
    cells = project("status", *(words or RANGE), "-o", "json").json["cells"]
    return {f"{c['table']} {c['partition_date'] or ''}".strip(): c["state"] for c in cells}


def test_every_state_has_its_mark(built):
    """Published, empty, quarantined, stale, failed and missing, on one page."""
    for day, rows in (("2024-01-04", "A,0"), ("2024-01-05", "A,1\nB,-1"), ("2024-01-06", "x,y")):
        built.write(f"in/{day}.csv", f"symbol,close\n{rows}\n")
    built.write(
        "sql/dwd/dwd_price.yml",
        "columns: [{name: close, tests: [range: {max: 3, severity: quarantine}]}]",
    )
    built("extract", *RANGE)
    built("run", "ods_price dwd_price", "--from", "2024-01-03", "--to", "2024-01-07")

    shown = built("status", "ods_price dwd_price", *RANGE)

    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "                        1    6    11   16   21   26   31",
        "ods.ods_price  2024-01  .####!.",
        "dwd.dwd_price  2024-01  .~q0#!.",
        "# published  0 empty  ~ stale  . missing  ! failed  q quarantined",
    ]


def test_it_agrees_with_the_manifests(built):
    found = states(built)
    published = {k for k, v in found.items() if v == "published"}

    assert published == {
        *(f"{t} 2024-01-0{d}" for t in ("ods.ods_price", "dwd.dwd_price") for d in (2, 3)),
        "dws.dws_price",
    }
    assert built.manifest("dwd.dwd_price", "2024-01-02")["row_count"] == 2


def test_a_mended_failure_is_forgotten(built):
    built.write("in/2024-01-04.csv", "symbol,close\nA,x\n")
    built("extract", "--dt", "2024-01-04")
    assert built("run", "ods_price", "--dt", "2024-01-04").code == 1
    before = states(built)["ods.ods_price 2024-01-04"]
    built.write("in/2024-01-04.csv", "symbol,close\nA,1\n")
    built("extract", "--dt", "2024-01-04")
    built("run", "ods_price", "--dt", "2024-01-04")

    assert (before, states(built)["ods.ods_price 2024-01-04"]) == ("failed", "published")


def test_a_year_fits_a_hundred_columns(built):
    out = built("status", "--from", "2024-01-01", "--to", "2024-12-31").out

    assert max(map(len, out.splitlines())) <= 100
    assert out.count("2024-12") == 2
