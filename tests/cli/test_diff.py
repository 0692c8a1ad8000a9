"""What differs between two versions of a partition."""

from __future__ import annotations

import pytest

DAY = ("--dt", "2024-01-02")
KEY = "columns: [{name: symbol, tests: [unique]}]\n"


def deliver(project, *rows):
    project.write("in/2024-01-02.csv", "\n".join(["symbol,close", *rows, ""]))
    assert project("extract", *DAY).code == 0


def test_a_change_of_one_row_names_the_row_the_column_old_and_new(built):
    built.write("sql/ods/ods_price.yml", KEY)
    built("run", "ods_price", *DAY)
    deliver(built, "A,1", "B,7")
    built("run", "ods_price", *DAY)

    shown = built("diff", "ods_price", *DAY)

    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "0 added, 0 removed, 1 changed",
        "  close: changed in 1",
        "  changed B: close 2 → 7",
    ]


def test_rows_that_came_and_went(built):
    built.write("sql/ods/ods_price.yml", KEY)
    built("run", "ods_price", *DAY)
    first = built.manifest("ods.ods_price", "2024-01-02")["run_id"]
    deliver(built, "A,1", "C,3")
    built("run", "ods_price", *DAY)
    second = built.manifest("ods.ods_price", "2024-01-02")["run_id"]

    forth = built("diff", "ods_price", first, second, *DAY, "-o", "json").json
    back = built("diff", "ods_price", second, first, *DAY, "-o", "json").json

    assert (forth["key"], forth["added"], forth["removed"], forth["changed"]) == (
        ["symbol"],
        1,
        1,
        0,
    )
    assert [(e["kind"], e["row"]) for e in forth["examples"]] == [("added", "C"), ("removed", "B")]
    assert [(e["kind"], e["row"]) for e in back["examples"]] == [("added", "B"), ("removed", "C")]


def test_without_a_key_a_changed_row_is_one_less_and_one_more(built):
    deliver(built, "A,1", "A,1", "B,7")
    built("run", "ods_price", *DAY)

    shown = built("diff", "ods_price", *DAY).out.splitlines()

    assert shown == [
        "2 added, 1 removed, 0 changed",
        "  added symbol=A, close=1",
        "  added symbol=B, close=7",
        "  removed symbol=B, close=2",
    ] or sorted(shown[1:3]) == ["  added symbol=A, close=1", "  added symbol=B, close=7"]


def test_a_build_can_be_looked_at_before_it_is_published(built):
    built.write("sql/ods/ods_price.yml", KEY)
    built("run", *DAY)
    before = built.manifest("ods.ods_price", "2024-01-02")
    path = built.root / "sql/ods/ods_price.sql"
    path.write_text(
        path.read_text().replace("cast(close as integer)", "cast(close as integer) * 10")
    )

    shown = built("diff", "ods_price", *DAY, "--staged")

    assert shown.out.splitlines()[:2] == ["0 added, 0 removed, 2 changed", "  close: changed in 2"]
    assert built.manifest("ods.ods_price", "2024-01-02") == before


def test_the_first_version_has_nothing_to_differ_from(built):
    answer = built("diff", "ods_price", *DAY)

    assert answer.code == 2
    assert "there is no version before it" in answer.err
    assert "nomad history ods_price --dt 2024-01-02" in answer.err


def test_where_nothing_is_published_it_says_what_publishes_it(built):
    for word, act in (("ods_price", "run"), ("price", "extract")):
        answer = built("diff", word, "--dt", "2024-01-09")

        assert answer.code == 2
        assert f"try: `nomad {act} {word} --dt 2024-01-09`" in answer.err


def test_of_a_source_nothing_is_staged(built):
    answer = built("diff", "price", *DAY, "--staged")

    assert answer.code == 2
    assert "try: `nomad diff price --dt 2024-01-02`" in answer.err


def changed(project, before, after):
    """Build a table, change its query, and show what building it again would change."""
    project.write("sql/ods/ods_w.sql", before)
    assert project("run", "ods_w").code == 0
    project.write("sql/ods/ods_w.sql", after)
    answer = project("diff", "ods_w", "--staged")
    assert answer.code == 0, answer.err
    return answer


def test_a_column_of_a_union_can_be_compared_described_and_checked(built):
    """Parquet has it as a struct without names, of which DuckDB makes no table."""
    compared = changed(built, "select union_value(a := 1) as u", "select union_value(a := 2) as u")

    assert "1 added, 1 removed" in compared.out
    assert built("contract", "infer", "ods_w").code == 0

    built.write("sql/ods/ods_w.yml", "columns: [{name: u, tests: [not_null, unique]}]\n")
    assert built("check", "ods_w").code == 0


@pytest.mark.parametrize("query", ["select 2 as b, 'x' as c", "select 'x' as c"])
def test_columns_that_only_one_version_has_are_named(built, query):
    built.write("sql/ods/ods_w.sql", "select 1 as a, 2 as b")
    assert built("run", "ods_w").code == 0
    built.write("sql/ods/ods_w.sql", query)
    lost = ["a"] if " b," in query else ["a", "b"]

    shown = built("diff", "ods_w", "--staged")
    body = built("diff", "ods_w", "--staged", "-o", "json").json

    assert "  new, and not compared: c\n" in shown.out
    assert f"  gone, and not compared: {', '.join(lost)}\n" in shown.out
    assert (body["columns_added"], body["columns_removed"]) == (["c"], lost)


def test_a_column_of_another_type_is_named_and_its_values_compared_as_texts(built):
    """DuckDB casts one side first: '01' and 1 would be alike, and so would 2^53 + 1 as DOUBLE."""
    head = "select i::int as id,"
    rows = "from range(1, 3) as t(i)"
    built.write("sql/ods/ods_w.yml", "unique_key: [id]\n")
    built.write(
        "sql/ods/ods_w.sql",
        f"{head} '0' || i as code, 9007199254740992 + i as big, i::text as l, i as n {rows}",
    )
    assert built("run", "ods_w").code == 0
    built.write(
        "sql/ods/ods_w.sql",
        f"{head} i::int as code, (9007199254740992 + i)::double as big, [i] as l,"
        f" i::int as n {rows}",
    )

    shown = built("diff", "ods_w", "--staged")
    body = built("diff", "ods_w", "--staged", "-o", "json").json

    assert shown.code == 0, shown.err
    assert "0 added, 0 removed, 2 changed" in shown.out
    assert "  code: type was VARCHAR, is INTEGER; compared as text\n" in shown.out
    assert "  n: type was BIGINT, is INTEGER; compared as text\n" in shown.out
    assert body["columns"] == {"code": 2, "big": 2, "l": 2}
    assert body["columns_retyped"]["l"] == {"old": "VARCHAR", "new": "BIGINT[]"}


@pytest.mark.parametrize("contract", ["unique_key: [id]\n", "columns: [{name: id}]\n"])
def test_a_key_of_another_type_is_named_and_matched_as_text(built, contract):
    built.write("sql/ods/ods_w.yml", contract)

    shown = changed(
        built, "select unnest(['1', '02']) as id, 'x' as v", "select unnest([1, 2]) as id, 'x' as v"
    )

    assert "1 added, 1 removed, 0 changed" in shown.out
    assert "  id: type was VARCHAR, is INTEGER; " in shown.out
