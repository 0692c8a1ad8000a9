"""Contracts: bad rows don't get in, and nobody has to ask where they went."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.generate import write
from conftest import ROOT, Project, rarely
from nomad.cache import Cache
from nomad.contract.read import parse
from nomad.errors import ConfigError

DAY = ("--dt", "2024-01-02")
CONTRACT = """\
columns:
  - {name: symbol, data_type: VARCHAR, tests: [not_null, unique]}
  - {name: close, data_type: INTEGER, tests: [{range: {min: 0, exclusive: true}}]}
"""


def contract(project: Project, text: str, table: str = "ods/ods_price") -> Project:
    project.write(f"sql/{table}.yml", text)
    return project


def deliver(project: Project, *rows: str, dt: str = "2024-01-02") -> None:
    project.write(f"in/{dt}.csv", "\n".join(["symbol,close", *rows, ""]))
    assert project("extract", "--dt", dt).code == 0


def published(project: Project, table: str = "ods/ods_price") -> dict[str, bytes]:
    folder = project.lake / table / "dt=2024-01-02"
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def quarantined(project: Project, table: str = "ods_price") -> list[dict]:
    return project("quarantine", "show", table, *DAY, "-o", "json").json["rows"]


# Errors stop the publish -------------------------------------------------------------------------


def test_a_broken_test_leaves_what_is_published_byte_for_byte(built):
    contract(built, CONTRACT)
    assert built("run", *DAY).code == 0
    before = published(built)
    deliver(built, "A,1", "B,-2", "A,3", ",4")

    answer = built("run", *DAY)

    assert answer.code == 4
    assert published(built) == before
    assert answer.err.splitlines()[:9] == [
        "nomad: sql/ods/ods_price.yml:2: refused by 3 of the tests; nothing is published",
        "  `symbol_not_null`: 1 of 4 rows break it",
        "    row 4: symbol=NULL, close=4",
        "  `symbol_unique`: 2 of 4 rows break it",
        "    row 1: symbol=A, close=1",
        "    row 3: symbol=A, close=3",
        "  `close_range`: 1 of 4 rows break it",
        "    row 2: close=-2, symbol=B",
        "  try: fix the rows at their source, or the test; then run the same command again",
    ]
    assert built("doctor").code == 0


def test_a_refused_table_blocks_what_needs_it(built):
    contract(built, CONTRACT)
    deliver(built, "A,-1")

    steps = built("run", *DAY, "-o", "json")

    assert steps.statuses()["ods.ods_price 2024-01-02"] == "failed"
    assert steps.statuses()["dwd.dwd_price 2024-01-02"] == "blocked"
    checks = {c["test"]: c for c in steps.json["steps"][0]["checks"]}
    assert checks["close_range"]["status"] == "fail"


def test_a_warning_is_noted_and_nothing_more(built):
    contract(built, CONTRACT.replace("exclusive: true", "exclusive: true, severity: warn"))
    deliver(built, "A,-1", "B,1")

    answer = built("run", *DAY, "-o", "json")

    assert answer.code == 0
    (check,) = answer.json["steps"][0]["checks"]
    assert (check["test"], check["status"], check["failed"]) == ("close_range", "warn", 1)
    assert built.rows("select count(*) from ods.ods_price_dt('2024-01-02')") == [[2]]


# Kinds of tests ----------------------------------------------------------------------------------

KINDS = [
    ("symbol", "not_null", ["A,1"], [",1"]),
    ("symbol", "unique", ["A,1", "B,1", ",1", ",1"], ["A,1", "A,2"]),
    ("symbol", "{accepted_values: {values: [A, B]}}", ["A,1", ",1"], ["C,1"]),
    ("close", "{accepted_values: {values: [1, 2]}}", ["A,1"], ["A,3"]),
    ("close", "{range: {min: 0, max: 9}}", ["A,0", "A,9", "A,"], ["A,10"]),
    ("close", "{range: {min: 0, exclusive: true}}", ["A,1"], ["A,0"]),
    ("symbol", "{regex: '^[A-Z]$'}", ["A,1", ",1"], ["ab,1"]),
    ("symbol", "{length: {max: 2}}", ["AB,1", ",1"], ["ABC,1"]),
    ("symbol", "{length: {equal: 1}}", ["A,1"], ["AB,1"]),
    ("close", "{expression: '> 0'}", ["A,1", "A,"], ["A,0"]),
    ("close", "{not_null: {where: \"symbol = 'A'\"}}", ["B,"], ["A,"]),
    ("close", "{null_rate: {max: 50%}}", ["A,1", "B,"], ["A,", "B,", "C,1"]),
    # as dbt spells them
    ("symbol", "{accepted_values: {arguments: {values: ['A']}}}", ["A,1"], ["B,1"]),
    ("close", "{dbt_utils.accepted_range: {min_value: 0, inclusive: false}}", ["A,1"], ["A,0"]),
    ("close", "{dbt_utils.expression_is_true: {expression: '< 5'}}", ["A,1"], ["A,5"]),
    ("symbol", "{not_null: {config: {severity: error, where: 'close > 0'}}}", [",0"], [",1"]),
]


@pytest.mark.parametrize(("column", "test", "good", "bad"), KINDS, ids=[k[1][:40] for k in KINDS])
def test_what_passes_and_what_does_not(project, column, test, good, bad):
    """A NULL breaks not_null and nothing else."""
    contract(project, f"columns: [{{name: {column}, tests: [{test}]}}]\n")

    deliver(project, *good)
    passed = project("run", "ods_price", *DAY)
    deliver(project, *bad)
    refused = project("run", "ods_price", *DAY)

    assert passed.code == 0, passed.err
    assert refused.code == 4, refused.out


@pytest.mark.parametrize(
    ("test", "second"),
    [("{row_count: {min: 2}}", ["A,1"]), ("{row_count: {max: 2}}", ["A,1", "B,1", "C,1"]),
     ("{row_count: {max_change: 50%}}", ["A,1", "B,1", "C,1", "D,1"])],
)  # fmt: skip
def test_the_count_of_rows_against_bounds_and_the_day_before(project, test, second):
    contract(project, f"tests: [{test}]\n")
    deliver(project, "A,1", "B,1")
    assert project("run", "ods_price", *DAY).code == 0
    deliver(project, *second, dt="2024-01-05")

    answer = project("run", "ods_price", "--dt", "2024-01-05")

    assert answer.code == 4
    assert f"{len(second)} row" in answer.err


def test_dbt_files_are_read_as_they_are(project):
    contract(project, """\
version: 2
models:
  - name: ods_price
    description: Prices.
    columns:
      - name: symbol
        data_type: string
        description: The code.
        meta: {owner: me}
        data_tests:
          - unique
          - not_null:
              config: {severity: warn}
          - relationships: {to: ref('ods_price'), field: symbol}
      - name: close
        data_type: int
        constraints: [{type: not_null}, {type: check, expression: "close > 0"}]
""")  # fmt: skip
    deliver(project, "A,1", ",2")

    answer = project("run", "ods_price", *DAY, "-o", "json")

    assert answer.code == 0, answer.err
    assert [c["status"] for c in answer.json["steps"][0]["checks"]] == ["warn"]


def test_a_check_is_a_select_of_bad_rows(project):
    project.write(
        "sql/checks/dwd_price__all_of_ods_is_there.sql",
        "select symbol from ods.ods_price where dt = '$<PARTITION_DATE>' and close > 0"
        " except select symbol from dwd.dwd_price",
    )
    deliver(project, "A,1", "B,2")
    passed = project("run", *DAY)
    path = project.root / "sql/dwd/dwd_price.sql"
    path.write_text(path.read_text() + " and symbol <> 'B'")

    refused = project("run", *DAY)

    assert passed.code == 0, passed.err
    assert refused.code == 4
    assert "sql/checks/dwd_price__all_of_ods_is_there.sql" in refused.err
    assert "row 1: symbol=B" in refused.err


# Quarantine --------------------------------------------------------------------------------------

QUARANTINE = """\
columns:
  - {name: symbol, tests: [not_null: {severity: quarantine}, unique: {severity: quarantine}]}
  - {name: close, tests: [range: {min: 0, severity: quarantine}]}
"""


def test_bad_rows_go_to_quarantine_with_what_is_wrong(project):
    contract(project, QUARANTINE)
    deliver(project, "A,1", "B,-2", "A,3", ",-4", "C,5")

    answer = project("run", *DAY)

    assert answer.code == 0, answer.err
    assert "; 4 rows to quarantine" in answer.out
    assert project.rows("select symbol from ods.ods_price") == [["C"]]
    rows = quarantined(project)
    told = [(r["symbol"], r["_test"], r["_column"], r["_value"], r["_row_number"]) for r in rows]
    assert told == [
        ("A", "symbol_unique", "symbol", "A", 1),
        ("B", "close_range", "close", "-2", 2),
        ("A", "symbol_unique", "symbol", "A", 3),
        (None, "symbol_not_null", "symbol", None, 4),
    ]
    assert rows[3]["_tests"] == ["symbol_not_null", "close_range"]
    assert rows[0]["_source_file"].endswith("-0.csv")
    with duckdb.connect(str(project.root / "catalog/catalog.duckdb"), read_only=True) as con:
        held = con.execute("select count(*) from quarantine.ods_price").fetchone()
        verdicts = con.execute("select test, failed from nomad.checks order by test").fetchall()
    assert held == (4,)
    assert verdicts == [("close_range", 2), ("symbol_not_null", 1), ("symbol_unique", 2)]
    assert project("doctor").code == 0


def test_mended_and_replayed_it_is_as_if_built_clean(project, tmp_path):
    contract(project, QUARANTINE)
    deliver(project, "A,1", "B,-2", "A,3")
    assert project("run", *DAY).code == 0
    before = project("quarantine", "list", "-o", "json").json["quarantine"]
    deliver(project, "A,1", "B,2", "D,3")

    replayed = project("quarantine", "replay")

    assert [(r["table"], r["rows"], r["published"]) for r in before] == [("ods.ods_price", 3, 0)]
    assert replayed.code == 0, replayed.err
    assert project("quarantine", "list", "-o", "json").json["quarantine"] == []
    assert list((project.lake / "_quarantine").rglob("*.parquet")) == []
    clean = Project(tmp_path / "clean")
    for name in ("nomad.yaml", "sql/ods/ods_price.sql", "sql/ods/ods_price.yml"):
        clean.write(name, (project.root / name).read_text())
    deliver(clean, "A,1", "B,2", "D,3")
    assert clean("run", *DAY).code == 0
    hashes = [p.manifest("ods.ods_price", "2024-01-02")["content_hash"] for p in (project, clean)]
    assert hashes[0] == hashes[1]
    assert "nothing is in quarantine" in project("quarantine", "replay").err


def test_a_table_whose_refused_rows_are_gone_is_left_out_of_the_catalog_whole(project):
    """Neither its view nor what is said of it: half of a table would tell two stories."""
    contract(project, QUARANTINE)
    deliver(project, "A,1", "B,-2")
    assert project("run", "ods_price", *DAY).code == 0
    for found in (project.lake / "_quarantine").rglob("*.parquet"):
        found.unlink()

    assert project("catalog", "refresh").code == 0

    with duckdb.connect(str(project.root / "catalog" / "catalog.duckdb"), read_only=True) as con:
        views = con.execute("select view_name from duckdb_views() where not internal").fetchall()
        said = con.execute("select distinct table_name from nomad.columns").fetchall()
    assert ("ods_price",) not in views
    assert ("ods.ods_price",) not in said
    assert ("raw.price",) in said


@pytest.mark.parametrize(("limit", "code"), [("40%", 4), ("60%", 0), ("1", 4), ("2", 0)])
def test_too_much_in_quarantine_stops_the_publish(project, limit, code):
    contract(project, QUARANTINE + f"max_quarantined: {limit}\n")
    deliver(project, "A,-1", "B,-1", "C,1", "D,1")

    answer = project("run", "ods_price", *DAY)

    assert answer.code == code, answer.err
    assert (project.lake / "ods/ods_price/dt=2024-01-02/manifest.json").exists() == (code == 0)
    if code:
        assert "2 of 4 rows would go to quarantine, more than" in answer.err


ROWS = st.lists(
    st.tuples(st.sampled_from(["", "A", "B", "C"]), st.integers(-2, 3)), min_size=1, max_size=12
)


@pytest.mark.parametrize("examples", [6, *rarely(50)])
def test_every_row_lands_on_exactly_one_side(project, examples):
    """Good and bad together are what was delivered, copies included."""
    contract(project, QUARANTINE)

    @settings(max_examples=examples, deadline=None)
    @given(rows=ROWS)
    def lands(rows):
        deliver(project, *(f"{s},{c}" for s, c in rows))

        assert project("run", "ods_price", *DAY, "--force").code == 0

        good = project.rows("select symbol, close from ods.ods_price_dt('2024-01-02')")
        bad = [[r["symbol"], r["close"]] for r in quarantined(project)]
        whole = [[s or None, c] for s, c in rows]
        assert sorted(good + bad, key=repr) == sorted(whole, key=repr)
        symbols = [s for s, _ in rows]
        expected = [[s, c] for s, c in rows if s and c >= 0 and symbols.count(s) == 1]
        assert sorted(good) == sorted(expected)

    lands()


@pytest.mark.parametrize(
    "name", ["rowid", '"row number"', '"broken 0"', "n", "s", '"filter"', "_rows"]
)
def test_columns_of_any_name_are_judged(project, name):
    project.write(
        "sql/ods/ods_price.sql",
        f"select symbol, 7 as {name}, cast(close as integer) as close from raw.price"
        " where dt = '$<PARTITION_DATE>'",
    )
    contract(project, QUARANTINE)
    deliver(project, "A,1", "B,-2", "C,3", "D,-4")

    assert project("run", "ods_price", *DAY).code == 0

    assert project.rows("select symbol from ods.ods_price order by 1") == [["A"], ["C"]]
    assert [(r["symbol"], r["_row_number"]) for r in quarantined(project)] == [("B", 2), ("D", 4)]


def test_a_check_sees_what_would_be_published_and_the_days_before(project):
    contract(project, QUARANTINE)
    project.write(
        "sql/checks/ods_price__none_below.sql", "select * from ods.ods_price where close < 0"
    )
    project.write(
        "sql/checks/ods_price__never_falls.sql",
        "select a.symbol from ods.ods_price as a join ods.ods_price as b using (symbol)"
        " where a.dt = '$<PARTITION_DATE>' and b.dt = date '$<PARTITION_DATE>' - 1 and a.close < b.close",
    )
    deliver(project, "A,2", "B,-1")
    deliver(project, "A,1", dt="2024-01-03")

    first = project("run", "ods_price", *DAY)
    falls = project("run", "ods_price", "--dt", "2024-01-03")

    assert first.code == 0, first.err
    assert falls.code == 4
    assert "`never_falls`: 1 row found" in falls.err


@pytest.mark.parametrize("before", ["= date '$<PARTITION_DATE>' - 1", "< '$<PARTITION_DATE>'"])
def test_what_a_check_read_of_earlier_days_is_fresh_until_one_of_them_changes(project, before):
    """A table whose check looks at its own past would be built again by each run."""
    project.write(
        "sql/checks/ods_price__again.sql",
        "select a.symbol from ods.ods_price as a join ods.ods_price as b using (symbol, close)"
        f" where a.dt = '$<PARTITION_DATE>' and b.dt {before}",
    )
    span = ("--from", "2024-01-02", "--to", "2024-01-03")
    project("extract", *span)
    built = project("run", "ods_price", *span)
    assert built.code == 0, built.err

    again = project("plan", "ods_price", *span, "-o", "json").reasons()
    deliver(project, "A,7")
    changed = project("plan", "ods_price", *span, "-o", "json").reasons()
    assert project("run", "ods_price", *DAY).code == 0
    later = project("plan", "ods_price", *span, "-o", "json").reasons()

    first, second = "ods.ods_price 2024-01-02", "ods.ods_price 2024-01-03"
    assert again == {first: "fresh", second: "fresh"}
    assert changed[second] == "input ods.ods_price dt=2024-01-02 changed"
    assert later[second] in {changed[second], "input ods.ods_price dt=… 2024-01-02 changed"}
    assert later[first] == "fresh"


def test_numbers_and_texts_of_accepted_values_meet_either_kind(project):
    contract(
        project,
        "columns: [{name: symbol, tests: [accepted_values: {values: [1, 2, null]}]}, {name: close, tests: [accepted_values: {values: ['1', '2']}]}]\n",
    )
    deliver(project, "1,2", ",1")
    assert project("run", "ods_price", *DAY).code == 0
    deliver(project, "A,3")

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 4
    assert "refused by 2 of the tests" in answer.err


# Columns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("symbol", "missing `close` (INTEGER)"),
        ("symbol, 1 as close, 2 as volume", "extra `volume` (INTEGER)"),
        ("symbol, 1::bigint as close", "`close` is BIGINT, declared INTEGER"),
    ],
)
def test_columns_that_differ_are_refused_with_the_difference(project, select, told):
    contract(project, CONTRACT)
    deliver(project, "A,1")
    assert project("run", "ods_price", *DAY).code == 0
    before = published(project)
    project.write(
        "sql/ods/ods_price.sql",
        f"select {select} from raw.price where dt = '$<PARTITION_DATE>'",
    )

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 4
    assert told in answer.err
    assert published(project) == before


def test_additive_lets_columns_grow_and_never_shrink(project):
    contract(project, CONTRACT + "evolution: additive\n")
    deliver(project, "A,1")
    deliver(project, "A,5000000000", dt="2024-01-03")
    assert project("run", "ods_price", *DAY).code == 0
    sql = "select symbol, {}, 'x' as note from raw.price where dt = '$<PARTITION_DATE>'"

    project.write("sql/ods/ods_price.sql", sql.format("close::bigint as close"))
    wider = project("run", "ods_price", "--dt", "2024-01-03")
    project.write("sql/ods/ods_price.sql", sql.format("1::tinyint as close"))
    narrower = project("run", "ods_price", "--dt", "2024-01-03")

    assert wider.code == 0, wider.err
    assert project.rows("select close, note from ods.ods_price order by dt") == [
        [1, None],
        [5000000000, "x"],
    ]
    assert narrower.code == 4
    assert "`close` is TINYINT, declared INTEGER" in narrower.err


@pytest.mark.parametrize(
    "rows", [["A,1", "B,2"], ["A,1"], [",1", "A,"], [f"S{n % 3},{n}" for n in range(60)]]
)
def test_an_inferred_contract_passes_on_its_table(project, rows):
    deliver(project, *rows)
    assert project("run", "ods_price", *DAY).code == 0
    inferred = project("contract", "infer", "ods_price", *DAY)
    contract(project, inferred.out)

    assert inferred.code == 0
    assert "data_type: 'INTEGER'" in inferred.out
    assert project("check", "ods_price", *DAY).code == 0
    again = project("run", "ods_price", *DAY, "-o", "json")
    assert again.reasons() == {"ods.ods_price 2024-01-02": "contract changed"}
    assert again.code == 0, again.err


# Stale, and what others see ----------------------------------------------------------------------


def test_a_contract_makes_stale_and_a_description_does_not(built):
    contract(built, CONTRACT)
    plan = built("plan", "ods_price", *DAY, "-o", "json")
    assert plan.reasons() == {"ods.ods_price 2024-01-02": "contract changed"}
    assert built("run", *DAY).code == 0

    contract(
        built, "description: New words.\ntags: [x]\nfreshness: {warn_after: 1 day}\n" + CONTRACT
    )

    assert set(built("plan", *DAY, "-o", "json").statuses().values()) == {"fresh"}


def test_check_tests_what_is_published_and_builds_nothing(built):
    before = published(built)
    contract(built, CONTRACT.replace("min: 0", "min: 1"))

    answer = built("check", "ods_price", *DAY, "-o", "json")

    assert answer.code == 4
    failed = {c["test"]: c["failed"] for c in answer.json["checks"] if c["status"] != "pass"}
    assert failed == {"close_range": 1}
    assert published(built) == before


@pytest.mark.parametrize(("limit", "code"), [("warn_after: 1 day", 0), ("error_after: 1 day", 5)])
def test_a_table_that_is_late(built, limit, code):
    contract(built, f"freshness: {{{limit}}}\n")

    answer = built("check", "ods_price", *DAY)

    assert answer.code == code
    assert "days old" in answer.out


def test_diff_tells_what_a_change_would_do(project):
    contract(project, QUARANTINE)
    deliver(project, "A,-1", "B,1", "C,2")
    assert project("run", "ods_price", *DAY).code == 0

    contract(project, QUARANTINE.replace("min: 0", "min: 2"))
    tighter = project("contract", "diff", "ods_price", "-o", "json").json["partitions"]
    contract(project, QUARANTINE.replace("min: 0", "min: -9"))
    looser = project("contract", "diff", "ods_price", "-o", "json").json["partitions"]

    assert [(r["outcome"], r["quarantined"], r["released"]) for r in tighter] == [
        ("quarantines", 2, 0)
    ]
    assert [(r["outcome"], r["quarantined"], r["released"]) for r in looser] == [("passes", 0, 1)]


def test_diff_counts_what_is_in_quarantine_already(project):
    """Made an error, the rule would stop what it now sets aside; so would a limit."""
    contract(project, QUARANTINE)
    deliver(project, "A,-1", "B,1")
    assert project("run", "ods_price", *DAY).code == 0

    def outcome(text):
        contract(project, text)
        (row,) = project("contract", "diff", "ods_price", "-o", "json").json["partitions"]
        return row["outcome"], project("run", "ods_price", *DAY).code

    assert outcome(QUARANTINE + "max_quarantined: 0\n") == ("refused", 4)
    assert outcome(QUARANTINE.replace("quarantine", "error")) == ("refused", 4)


# Relationships, by date --------------------------------------------------------------------------


def test_a_table_waits_for_what_its_contract_looks_into(project):
    """Inferred, not declared: z_parent is built first, and its failure blocks."""
    project.write("sql/ods/ods_z_parent.sql", "select symbol from raw.price where dt = '$<PARTITION_DATE>' and symbol <> 'B'")  # fmt: skip
    contract(
        project,
        "columns: [{name: symbol, tests: [relationships: {to: ods_z_parent, field: symbol, severity: quarantine}]}]",
    )
    deliver(project, "A,1", "B,2", ",3")

    answer = project("run", "ods", *DAY, "-o", "json")

    assert [s["table"] for s in answer.json["steps"]] == ["ods.ods_z_parent", "ods.ods_price"]
    assert [r["symbol"] for r in quarantined(project)] == ["B"]
    inputs = project.manifest("ods.ods_price", "2024-01-02")["inputs"]
    assert {i["table"] for i in inputs} == {"raw.price", "ods.ods_z_parent"}
    project.write("sql/ods/ods_z_parent.sql", "select symbol from raw.price where dt = '$<PARTITION_DATE>'")  # fmt: skip
    again = project("run", "ods", *DAY, "-o", "json")
    assert again.reasons()["ods.ods_price 2024-01-02"].startswith("input ods.ods_z_parent")
    assert quarantined(project) == []


def test_late_data_is_looked_for_as_far_back_as_the_contract_says(built):
    contract(built, "lookback: 3 days\n")
    for day in ("2024-01-02", "2024-01-03"):
        assert built("run", "--dt", day).code == 0
    deliver(built, "A,1", "B,2", "C,30")
    deliver(built, "A,5", dt="2024-01-04")

    answer = built("run", "--dt", "2024-01-04", "-o", "json")

    assert answer.code == 0, answer.err
    found = answer.statuses()
    assert found["ods.ods_price 2024-01-02"] == found["dwd.dwd_price 2024-01-02"] == "published"
    assert found["ods.ods_price 2024-01-03"] == "fresh"
    assert built.rows("select highest from dws.dws_price where symbol = 'C'") == [[30]]


@pytest.mark.parametrize(
    ("said", "dates"), [("lookback: 3", 3), ("lookback: 36 hours", 2), ("lookback: 0", 0)]
)
def test_lookback_is_a_number_of_dates_or_an_age(said, dates):
    read = parse(f"{said}\n", path="x.yml", table="x", cache=Cache())

    assert (read.lookback, read.outdated) == (dates, ())


def test_the_old_word_for_lookback_is_read_and_told_and_makes_nothing_stale(built):
    contract(built, CONTRACT)
    assert built("run", *DAY).code == 0
    contract(built, f"{CONTRACT}restate: 3 days\n")

    answer = built("run", *DAY, "-o", "json")

    assert answer.err.splitlines()[:2] == [
        "nomad: sql/ods/ods_price.yml:4: `restate` is now called `lookback`",
        "  try: write `lookback: 3 days`",
    ]
    assert (answer.code, set(answer.statuses().values())) == (0, {"fresh"})
    assert "ods.ods_price 2023-12-31" not in answer.statuses()
    lint = built("lint", "ods")
    assert lint.code == 0
    assert lint.out.splitlines() == [
        "sql/ods/ods_price.yml:4:1: warning: `restate` is now called `lookback`",
        "  try: write `lookback: 3 days`",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("lookback: 2\nrestate: 3 days", "x.yml:2: `restate` is the old word for `lookback`: keep one of them"),
        ("lookback: -1", "x.yml:1: must be like `2 days` or `36 hours` (got '-1')"),
        ("lookback: soon", "x.yml:1: must be like `2 days` or `36 hours` (got 'soon')"),
        ("lookback: true", "x.yml:1: must be like `2 days` or `36 hours` (got 'True')"),
    ],
)  # fmt: skip
def test_what_is_no_lookback_is_refused(text, fault):
    with pytest.raises(ConfigError) as caught:
        parse(text, path="x.yml", table="x", cache=Cache())

    assert caught.value.what == fault


# Merge -------------------------------------------------------------------------------------------

MERGE = "strategy: merge\nunique_key: [symbol]\n"


@pytest.fixture
def merging(project):
    project.write("sql/dws/dws_last.sql", "select symbol, close from ods.ods_price where dt = (select max(dt) from ods.ods_price)")  # fmt: skip
    contract(project, MERGE, "dws/dws_last")
    deliver(project, "A,1", "B,2")
    assert project("run", *DAY).code == 0
    return project


def last(project):
    return project.rows("from dws.dws_last order by symbol")


def test_a_merge_keeps_old_rows_and_the_same_twice_is_the_same(merging):
    first = merging.manifest("dws.dws_last")["content_hash"]
    assert merging("run", "dws_last", *DAY, "--force").code == 0
    assert merging.manifest("dws.dws_last")["content_hash"] == first

    deliver(merging, "B,20", "C,3", dt="2024-01-03")
    assert merging("run", "--dt", "2024-01-03").code == 0
    assert last(merging) == [["A", 1], ["B", 20], ["C", 3]]

    assert merging("run", "dws_last", "--dt", "2024-01-03", "--full-refresh").code == 0
    assert last(merging) == [["B", 20], ["C", 3]]


def test_a_bad_new_row_leaves_the_old_one_in_place(merging):
    contract(
        merging,
        MERGE + "columns: [{name: close, tests: [range: {min: 0, severity: quarantine}]}]\n",
        "dws/dws_last",
    )
    deliver(merging, "A,-5", "C,3", dt="2024-01-03")

    assert merging("run", "--dt", "2024-01-03").code == 0

    assert last(merging) == [["A", 1], ["B", 2], ["C", 3]]


def test_a_merge_refuses_two_new_rows_of_one_key(merging):
    before = last(merging)
    deliver(merging, "A,5", "A,6", dt="2024-01-03")

    answer = merging("run", "--dt", "2024-01-03")

    assert answer.code == 4
    assert "a merge needs one row for each `symbol`" in answer.err
    assert last(merging) == before


def test_a_merge_whose_old_rows_cannot_be_read_fails_and_loses_nothing(merging):
    for path in (merging.lake / "dws/dws_last").glob("*.parquet"):
        path.rename(path.with_suffix(".away"))
    deliver(merging, "C,3", dt="2024-01-03")

    answer = merging("run", "--dt", "2024-01-03")

    assert answer.code == 1
    assert "they can't be read" in answer.err
    assert "nomad run dws.dws_last --full-refresh" in answer.err
    for path in (merging.lake / "dws/dws_last").glob("*.away"):
        path.rename(path.with_suffix(".parquet"))
    assert merging("run", "--dt", "2024-01-03").code == 0
    assert last(merging) == [["A", 1], ["B", 2], ["C", 3]]


def test_a_merge_with_a_torn_manifest_is_not_forced_to_begin_anew(merging):
    (merging.lake / "dws/dws_last/manifest.json").write_text("{")

    answer = merging("run", "dws_last", *DAY, "--force")

    assert answer.code == 1
    assert "--full-refresh" in answer.err
    assert merging("run", "dws_last", *DAY, "--force", "--full-refresh").code == 0


def test_a_merge_by_a_new_key_that_old_rows_share_is_refused(merging):
    deliver(merging, "A,1", "B,1")
    assert merging("run", *DAY).code == 0
    contract(merging, MERGE.replace("symbol", "close"), "dws/dws_last")
    deliver(merging, "C,1", dt="2024-01-03")

    answer = merging("run", "--dt", "2024-01-03")

    assert answer.code == 4
    assert "the published rows have (1) more than once" in answer.err
    assert last(merging) == [["A", 1], ["B", 1]]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("symbol, close > 1 as close", "`close` is BOOLEAN now, and 1 published row of INTEGER"),
        ("symbol, close - 127 + 127 as close, now() as at", ""),
        ("symbol, close::tinyint as close", ""),
        ("symbol, close::bigint as close", ""),
        ("symbol", "the published rows have `close`, which the query lacks"),
    ],
)
def test_a_merge_changes_no_value_of_an_old_row(merging, columns, told):
    query = f"select {columns} from ods.ods_price where dt = (select max(dt) from ods.ods_price)"
    merging.write("sql/dws/dws_last.sql", query)
    deliver(merging, "C,3", dt="2024-01-03")

    answer = merging("run", "--dt", "2024-01-03")

    assert answer.code == (4 if told else 0)
    assert told in answer.err
    rows = merging.rows("select symbol, close from dws.dws_last order by symbol")
    assert rows == [["A", 1], ["B", 2], *([] if told else [["C", 3]])]


# Bad contracts -----------------------------------------------------------------------------------

BAD = [
    ("columns: [{name: symbol, tests: [{not_null: false}]}]", "ods_price.yml:1: `not_null` takes no value (got false): write `not_null` alone"),
    ("columns: [{name: close, tests: [{range: 5}]}]", "`range` takes no value (got 5): its words are min, max, exclusive"),
    ("columns: [{name: symbol, tests: [not_nul]}]", "ods_price.yml:1: no test `not_nul`: did you mean `not_null`?"),
    ("columns: [{name: symbl, tests: [not_null]}]", "column `symbl`, which ods.ods_price lacks"),
    ("colums: []", "unknown key `colums`: did you mean `columns`?"),
    ("tests: [{range: {min: 0}}]", "`range` belongs below a column"),
    ("columns: [{name: close, tests: [{range: {low: 0}}]}]", "`range` has no `low`"),
    ("columns: [{name: close, tests: [{accepted_values: {}}]}]", "`accepted_values` needs `values`"),
    ("columns: [{name: close, tests: [{not_null: {severity: fatal}}]}]", "`severity` must be error, warn or quarantine"),
    ("tests: [{row_count: {min: 1, severity: quarantine}}]", "there is none to quarantine"),
    ("columns: [{name: close, data_type: NUMERICAL}]", "column `close`: no data type `NUMERICAL`"),
    ("tests: [{name: x, expression: 'clse > 0'}]", "test `x` can't run"),
    ("columns: [{name: symbol, tests: [{relationships: {to: nothing, field: a}}]}]", "no table `nothing`"),
    ("strategy: merge\nunique_key: [symbol]", "`strategy: merge` is for full tables"),
    ("freshness: {warn_after: soon}", "must be like `2 days`"),
    ("max_quarantined: some", "must be a count or a share"),
    ("columns: [{name: symbol, tests: [{regex: '('}]}]", "test `symbol_regex` can't run: missing )"),
    ("columns: [{name: symbol, tests: [{regex: {pattern: }}]}]", "`pattern` must be a text, in quotes (got None)"),
    ("columns: [{name: symbol, tests: [{regex: ['^A', '^B']}]}]", "`pattern` must be a text, in quotes"),
    ("columns: [{name: symbol, tests: [{regex: 6}]}]", "`pattern` must be a text, in quotes (got 6)"),
    ("columns:\n  - name: [", "not valid YAML"),
    ("tests: [{row_count: {min: '10'}}]", "`min` must be a whole number"),
    ("tests: [{row_count: {min: 1, where: 'a > 0'}}]", "of the whole table and has no `where`"),
    ("columns: [{name: close, tests: [{not_null: {config: {severty: warn}}}]}]", "unknown key `severty`: did you mean `severity`?"),
    ("columns: []\ncolumns: []", "ods_price.yml:2: `columns` is given twice"),
    ("checks: [x]", "`checks` must hold `fact: severity` pairs"),
    ("max_quarantined: 150%", "must be a count or a share"),
    ("tests: [{expression: !is_deleted}]", "not valid YAML"),
    ("models: [{name: other}]", "`models` has no `ods_price`"),
    ("columns: [{name: close, tests: [{relationships: {to: ods_price, field: close, severity: quarantine}}]}]", "looks into the table itself and can't quarantine"),
    ("checks: {no_such: warn}", "no check `no_such` in sql/checks"),
    ("columns: [{name: close, tests: [{not_null: {config: {warn_if: '>10'}}}]}]", "dbt's `warn_if` is not read here: let `severity` be warn"),
    ("models: [{name: ods_price}]\nunit_tests: []", "dbt's `unit_tests` is not read here"),
    ("models: [{name: ods_price}]\nmodel: []", "unknown key `model`"),
    ("columns: [{name: close, constraints: [{type: chek}]}]", "no constraint `chek` is run here; there is: not_null"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD, ids=[t[1][:30] for t in BAD])
def test_a_bad_contract_is_told_once_with_exit_2(project, text, told):
    deliver(project, "A,1")
    contract(project, text + "\n")

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 2, answer.err
    assert told in answer.err
    assert answer.err.count("nomad: ") == 1


def test_a_contract_or_a_check_without_its_table(project):
    project.write("sql/ods/ods_prise.yml", "columns: []")
    stray = project("plan")
    (project.root / "sql/ods/ods_prise.yml").unlink()
    project.write("sql/checks/ods_prise__x.sql", "select 1")

    assert stray.code == 2
    assert "a contract without its table `ods_prise.sql`: did you mean `ods_price`" in stray.err
    assert project("plan").code == 2
    assert "a check without its table" in project("plan").err


def test_a_file_of_several_models_is_told_where_a_contract_lies(project):
    project.write("sql/ods/schema.yml", "models: [{name: ods_price}, {name: other}]\nsources: []\n")

    answer = project("plan")

    assert answer.code == 2
    assert "for `ods_price`, copy this file to `ods_price.yml` beside `ods_price.sql`" in answer.err
    assert "likewise for 1 more" in answer.err


def test_what_was_accepted_is_told_with_what_was_not(project):
    contract(project, "columns: [{name: symbol, tests: [accepted_values: {values: [NO, B]}]}]\n")
    deliver(project, "A,1")

    answer = project("run", "ods_price", *DAY)

    assert "`symbol_accepted_values`: 1 of 1 row break it; accepted: NO, B" in answer.err


def test_words_of_dbts_that_change_nothing_here_are_passed_over(project):
    """Files describe other things beside the tables, too; a test that is switched off does not run."""
    contract(
        project,
        """\
models:
  - name: ods_price
    access: public
    group: finance
    columns:
      - name: close
        tests:
          - not_null: {config: {enabled: false}}
          - dbt_utils.expression_is_true: {expression: ">= 0"}
          - dbt_utils.expression_is_true: {expression: "< 9"}
      - name: symbol
        tests: [relationships: {to: "source('shop', 'price')", field: symbol}]
sources: [{name: shop}]
exposures: []
""",
    )
    deliver(project, "A,1", "B,")

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 0, answer.err
    assert [c["test"] for c in project("check", "ods_price", *DAY, "-o", "json").json["checks"]] == [
        "close_expression", "close_expression_2", "symbol_relationships",
    ]  # fmt: skip


# Accounts and trades -----------------------------------------------------------------------------


@pytest.fixture
def accounts(tmp_path):
    """The second reference set, without its sample files."""
    made = Project(tmp_path / "accounts")
    for layer, name in (("ods", "asset"), ("ods", "trade"), ("ads", "account_statistics"), ("ads", "trade_statistics")):  # fmt: skip
        for ending in ("sql", "yml"):
            path = ROOT / "sql" / layer / f"{layer}_{name}.{ending}"
            if path.exists():
                made.write(f"sql/{layer}/{path.name}", path.read_text(encoding="utf-8"))
    made.write("nomad.yaml", "\n".join(
        ["timezone: UTC", "sources:"]
        + [f"  {n}: {{connector: file, path: 'in/{n}/$<PARTITION_DATE>.csv'}}" for n in ("asset", "trade")]
    ))  # fmt: skip
    return made


def found(project: Project, table: str) -> set[tuple[int, str]]:
    """Row numbers and tests as quarantine tells them."""
    path = next((project.lake / "_quarantine" / "ods" / table).rglob("*.parquet"))
    rows = duckdb.sql(f"select _row_number, unnest(_tests) from '{path}'").fetchall()
    return {(int(n), t) for n, t in rows}


@pytest.mark.parametrize("count", [20_000, *rarely(100_000)])
def test_every_seeded_fault_is_found_and_none_invented(accounts, count, capsys):
    from datetime import date

    of_assets, of_trades = write(
        accounts.root / "in", date(2024, 1, 2), accounts=2_000, count=count, share=0.01
    )
    assert accounts("extract", *DAY).code == 0

    answer = accounts("run", *DAY, "-o", "json")

    assert answer.code == 0, answer.err
    assert found(accounts, "ods_asset") == of_assets
    assert found(accounts, "ods_trade") == of_trades
    counts = {t: sum(test == t for _, test in of_trades) for t in sorted({t for _, t in of_trades})}
    told = {
        c["test"]: c["failed"]
        for s in answer.json["steps"] if s["table"] == "ods.ods_trade"
        for c in s["checks"]
    }  # fmt: skip
    assert told == counts
    bad = len({n for n, _ in of_trades})
    assert accounts.rows("select count(*) from ods.ods_trade") == [[count - bad]]
    assert accounts.rows("select sum(trades) from ads.ads_trade_statistics") == [[count - bad]]
    with capsys.disabled():
        print(f"\n  trades: {count:,}, {bad} to quarantine; {counts}")  # noqa: T201
