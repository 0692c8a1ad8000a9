"""What isn't complete waits with a lake in S3 as it does on a disk, and is told from there."""

from __future__ import annotations

DAYS = ("--from", "2024-01-02", "--to", "2024-01-03")
CONDITION = "count(*) >= (select count(*) from raw.price where dt < '$<PARTITION_DATE>')"


def test_a_date_is_held_against_what_is_published_in_the_bucket(lake):
    config = (lake.root / "nomad.yaml").read_text()
    lake.write("nomad.yaml", config.replace('.csv"}', f'.csv", complete: "{CONDITION}"}}'))
    lake.write("in/2024-01-03.csv", "symbol,close\nA,3\n")

    answer = lake("daily", *DAYS)

    assert answer.code == 5, answer.err
    query = "select part, status from nomad.backfill_progress order by all"
    assert lake.rows(query) == [["2024-01-02", "done"], ["2024-01-03", "waiting"]]
    lake.write("in/2024-01-03.csv", "symbol,close\nA,3\nB,4\n")
    answer = lake("extract", *DAYS, "--only", "waiting", "-o", "json")
    assert answer.code == 0, answer.err
    assert answer.statuses() == {"raw.price 2024-01-03": "published"}
