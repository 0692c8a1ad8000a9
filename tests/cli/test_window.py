"""A window over a long history opens the files of its days and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from nomad.lake.decoding import from_json
from nomad.partitions import Partition

FIRST, DAYS = date(2015, 1, 1), 3650
LAST = FIRST + timedelta(days=DAYS - 1)


def spread(folder, first):
    """Publish what the first day has on all the others, but its file only on the last thirty."""
    known = from_json((folder / f"dt={first}" / "manifest.json").read_bytes(), where="")
    (name,) = (f.name for f in known.files)
    data = (folder / f"dt={first}" / name).read_bytes()
    for day in (first + timedelta(days=n) for n in range(DAYS)):
        into = folder / f"dt={day}"
        into.mkdir(exist_ok=True)
        (into / "manifest.json").write_bytes(replace(known, partition=Partition(day)).to_json())
        if LAST - day < timedelta(days=30):
            (into / name).write_bytes(data)
        else:
            (into / name).unlink(missing_ok=True)


def test_thirty_of_3650_days(empty):
    empty.write("nomad.yaml", "layers: [ods, dws]\ntimezone: UTC\n")
    empty.write("sql/ods/ods_a.sql", "select 7 as v where '$<PARTITION_DATE>' > ''")
    empty.write(
        "sql/dws/dws_a.sql",
        "select sum(v) as v from ods.ods_a"
        " where dt between cast('$<PARTITION_DATE>' as date) - 29 and '$<PARTITION_DATE>'",
    )
    assert empty("run", "ods", "--dt", str(FIRST)).code == 0
    spread(empty.lake / "ods" / "ods_a", FIRST)

    answer = empty("run", "dws", "--dt", str(LAST))

    assert answer.code == 0, "it would fail on any file but those thirty"
    found = empty.manifest("dws.dws_a", str(LAST))
    assert found["inputs"][0]["partitions"] == {
        "from": str(LAST - timedelta(days=29)), "to": str(LAST), "count": 30
    }  # fmt: skip
    assert found["stats"]["v"]["max"] in (210, "210")


def test_a_range_with_the_date_asked_for_beside_it_is_passed_over_on_a_holiday(built):
    """Otherwise it has rows to look for on any date."""
    week = "dt between date '$<PARTITION_DATE>' - 6 and '$<PARTITION_DATE>'"
    day = "exists (select 1 from ods.ods_price where dt = '$<PARTITION_DATE>')"
    built.write("sql/dws/dws_any.sql", f"select close from ods.ods_price where {week}")
    built.write("sql/dws/dws_days.sql", f"select close from ods.ods_price where {week} and {day}")

    answer = built("run", "dws", "--from", "2024-01-02", "--to", "2024-01-04", "-o", "json")

    assert answer.code == 0, answer.err
    dates = [key for key in answer.statuses() if "dws_any" in key or "dws_days" in key]
    assert [key for key in dates if "2024-01-04" in key] == ["dws.dws_any 2024-01-04"]
