"""Where there is nothing to show, that is said; a bare header would look like an answer."""

from __future__ import annotations

DAY = ("--dt", "2020-01-01")
NOTHING = "nothing is published of {} at 2020-01-01\n"

CONTRACT = """\
max_quarantined: 100%
columns:
  - {name: close, tests: [range: {min: 0, severity: quarantine}]}
"""


def test_a_history_without_versions(built):
    answer = built("history", "dwd_price", *DAY)

    assert (answer.code, answer.out) == (0, "")
    assert answer.err == NOTHING.format("dwd.dwd_price")
    assert built("history", "dwd_price", *DAY, "-o", "json").json["versions"] == []


def test_a_dry_run_of_a_backfill_with_nothing_to_do(built):
    answer = built(
        "backfill", "--from", "2020-01-01", "--to", "2020-01-02", "--dry-run", "ods", "dwd"
    )

    assert (answer.code, answer.out) == (0, "")
    assert answer.err.endswith("nothing to do\n")


def test_a_check_of_a_date_without_rows_is_not_green(built):
    built.write("sql/ods/ods_price.yml", CONTRACT)

    answer = built("check", "ods_price", *DAY)

    assert (answer.code, answer.out) == (5, "")
    assert answer.err == NOTHING.format("ods.ods_price") + "0 checks, 0 broken\n"


def test_a_quarantine_without_rows(built):
    built.write("sql/ods/ods_price.yml", CONTRACT)
    assert built("run", "--dt", "2024-01-02").code == 0

    unpublished = built("quarantine", "show", "ods_price", *DAY)
    clean = built("quarantine", "show", "ods_price", "--dt", "2024-01-02")

    assert (unpublished.code, unpublished.out) == (0, "")
    assert unpublished.err == NOTHING.format("ods.ods_price")
    assert (clean.code, clean.out, clean.err) == (0, "", "nothing is in quarantine there\n")


def test_a_rollback_of_a_run_takes_no_date(built):
    answer = built("rollback", "--run", "20240102T000000Z-abcdef", "--dt", "2024-01-02")

    assert answer.code == 2
    assert "give TABLE, --dt and --to RUN_ID, or --run RUN_ID alone" in answer.err
