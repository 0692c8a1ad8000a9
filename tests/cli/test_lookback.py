"""`lookback:` of a source: a vendor's corrections of the last dates arrive with each run."""

from __future__ import annotations

import pytest
from test_calendar import days, deliver

FRIDAY, MONDAY, TUESDAY = ("2024-01-05", "2024-01-08", "2024-01-09")
DAY = ("--dt", TUESDAY)
CONFIG = """\
layers: [ods]
timezone: UTC
sources:
  price: {{connector: file, path: "in/$<PARTITION_DATE>.csv", lookback: {}{}}}
"""


@pytest.fixture
def looks(empty):
    """A source that looks back three dates by its calendar, and a table of it; all built."""
    empty.write("nomad.yaml", CONFIG.format("3 days", ", calendar: days.csv"))
    days(empty, FRIDAY, MONDAY, TUESDAY, "2024-01-10")
    deliver(empty, FRIDAY, MONDAY, TUESDAY)
    empty.write("sql/ods/ods_price.sql", "select * from raw.price where dt = '$<PARTITION_DATE>'")
    assert empty("daily", "--from", FRIDAY, "--to", TUESDAY).code == 0
    return empty


def test_it_counts_due_dates_and_lands_only_what_changed(looks):
    """Three dates of the calendar, this one included: from Tuesday back to Friday."""
    looks.write(f"in/{FRIDAY}.csv", "symbol,close\nA,99\n")
    untouched = looks.manifest("raw.price", MONDAY)

    answer = looks("extract", *DAY, "-o", "json")

    assert answer.code == 0, answer.err
    assert answer.statuses() == {
        f"raw.price {FRIDAY}": "published",
        f"raw.price {MONDAY}": "fresh",
        f"raw.price {TUESDAY}": "fresh",
    }
    assert looks.manifest("raw.price", MONDAY) == untouched


def test_what_reads_it_is_built_again(looks):
    """A correction goes all the way up with the next daily run."""
    looks.write(f"in/{FRIDAY}.csv", "symbol,close\nA,99\n")

    assert looks("daily", *DAY).code == 0
    assert looks.rows(f"select close from ods.ods_price where dt = '{FRIDAY}'") == [["99"]]


def test_a_date_that_is_gone_stays_as_it_was_landed(looks):
    (looks.root / f"in/{MONDAY}.csv").unlink()

    answer = looks("extract", *DAY, "-o", "json")

    assert answer.code == 0, answer.err
    assert answer.statuses()[f"raw.price {MONDAY}"] == "fresh"
    assert answer.reasons()[f"raw.price {MONDAY}"].startswith("kept: source `price` has no file")
    assert looks("extract", "--dt", MONDAY).code == 3


def test_the_date_asked_for_is_missing_whatever_is_behind_it(looks):
    for words in (("--dt", "2024-01-10"), ("--from", "2024-01-10", "--to", "2024-01-10")):
        answer = looks("extract", *words)

        assert answer.code == 3
        assert "has no file for 2024-01-10" in answer.err


def test_a_range_in_which_nothing_came_is_an_error_whatever_is_behind_it(looks):
    looks.write("nomad.yaml", CONFIG.format(9, ""))

    assert looks("extract", "--from", "2024-01-10", "--to", "2024-01-11").code == 3


def test_dates_that_never_came_are_no_news(empty):
    """The first run ever, and a weekend where no calendar says so."""
    empty.write("nomad.yaml", CONFIG.format(4, ""))
    deliver(empty, FRIDAY, MONDAY)

    answer = empty("extract", "--dt", MONDAY, "-o", "json")

    assert answer.code == 0, answer.err
    assert answer.statuses() == {f"raw.price {d}": "published" for d in (FRIDAY, MONDAY)}
    assert "missing" not in answer.err
    empty.write("sql/ods/ods_price.sql", "select * from raw.price where dt = '$<PARTITION_DATE>'")
    plan = empty("plan", "--dt", MONDAY, "-o", "json")
    assert list(plan.statuses()) == [f"ods.ods_price {d}" for d in (FRIDAY, MONDAY)]
    assert plan.err == ""


def test_a_holiday_looks_at_nothing(looks):
    looks.write(f"in/{FRIDAY}.csv", "symbol,close\nA,99\n")

    answer = looks("extract", "--dt", "2024-01-06", "-o", "json")

    assert (answer.code, answer.statuses()) == (0, {})


def test_force_is_of_the_date_asked_for(looks):
    assert looks("extract", *DAY, "--force", "-o", "json").statuses() == {
        f"raw.price {FRIDAY}": "fresh",
        f"raw.price {MONDAY}": "fresh",
        f"raw.price {TUESDAY}": "published",
    }


def test_a_correction_that_is_refused_is_an_error_and_changes_nothing(looks):
    before = looks.manifest("raw.price", FRIDAY)
    looks.write(f"in/{FRIDAY}.csv", "symbol\nA\n")

    answer = looks("extract", *DAY)

    assert answer.code == 4
    assert looks.manifest("raw.price", FRIDAY) == before


def test_a_correction_that_is_not_complete_leaves_what_was_landed(looks):
    """It is the date before; that of the run is there, so nothing is waited for."""
    config = (looks.root / "nomad.yaml").read_text()
    looks.write("nomad.yaml", config.replace("lookback", "complete: close < '50', lookback"))
    looks.write(f"in/{FRIDAY}.csv", "symbol,close\nA,99\n")

    answer = looks("extract", *DAY, "-o", "json")

    assert answer.code == 0, answer.err
    reason = answer.reasons()[f"raw.price {FRIDAY}"]
    assert reason == "kept: not complete: close < '50' (found 99 < 50)"
    assert looks.rows(f"select close from raw.price where dt = '{FRIDAY}'") == [["05"]]


def test_it_is_no_part_of_what_is_fetched(looks):
    """Nothing is landed again because another number is written there."""
    looks.write("nomad.yaml", CONFIG.format(2, ""))

    assert set(looks("extract", *DAY, "-o", "json").statuses().values()) == {"fresh"}
    assert looks("plan", *DAY, "-o", "json").statuses() == {
        f"ods.ods_price {d}": "fresh" for d in (MONDAY, TUESDAY)
    }


def test_status_shows_the_dates_that_were_asked_for(looks):
    cells = looks("status", *DAY, "-o", "json").json["cells"]

    assert [c["partition_date"] for c in cells] == [TUESDAY]


def test_a_contract_counts_due_dates_too(looks):
    looks.write("nomad.yaml", CONFIG.format(1, ", calendar: days.csv"))
    looks.write("sql/ods/ods_price.yml", "lookback: 2\n")

    steps = looks("plan", "--dt", MONDAY, "-o", "json").statuses()

    assert list(steps) == [f"ods.ods_price {d}" for d in (FRIDAY, MONDAY)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("path: 'a/$<PARTITION_DATE>.csv', lookback: soon", "`lookback` must be like `3 days` or"),
        ("path: 'a/$<PARTITION_DATE>.csv', lookback: true", "`lookback` must be like `3 days` or"),
        ("path: a.csv, lookback: 3", "`lookback` needs a `$<PARTITION_DATE>` in another option"),
        ("path: 'a/*.csv', each: file, lookback: 3", "not together with `each:`"),
    ],
)
def test_a_wrong_one_is_refused(empty, options, message):
    empty.write("nomad.yaml", f"sources: {{x: {{connector: file, {options}}}}}\n")
    answer = empty("extract", *DAY)

    assert answer.code == 2
    assert message in answer.err
