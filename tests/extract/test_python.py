"""Connector `python`: functions of a project, called directly and by `nomad extract`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import duckdb
import pytest

from conftest import Project
from databases import asked, refused
from nomad.errors import ConfigError, Refused, SourceMissing, StepFailed
from nomad.extract.base import Landed
from nomad.extract.functions import at_work
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
HEAD = """\
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from nomad.errors import Refused, SourceMissing
from nomad.extract.context import Context, Rows

def prices(context, **given):
"""


class Vendor:
    """A project with one function, `sources.vendor:prices`, of which a test writes the body."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sources").mkdir()
        self.count = 0

    def says(self, body: str, head: str = HEAD) -> None:
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        (self.root / "sources" / "vendor.py").write_text(head + lines, encoding="utf-8")

    def files(self, window=None, *, cursor=None, call="sources.vendor:prices", **more):
        self.count += 1
        into = self.root / f"into{self.count}"
        into.mkdir()
        request = asked("python", window, root=self.root, call=call, **more)
        request = replace(request, cursor=cursor)
        yield from CONNECTORS["python"].fetch(request, into)

    def fetch(self, body: str, window=None, **more) -> list[Landed]:
        self.says(body)
        return list(self.files(window, **more))

    def rows(self, body: str, window=None, **more) -> list[tuple]:
        (landed,) = self.fetch(body, window, **more)
        return read(landed)


def read(landed: Landed) -> list[tuple]:
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        return con.sql(f"from '{landed.path}'").fetchall()


def types(landed: Landed) -> list[str]:
    with duckdb.connect() as con:
        return [str(t) for t in con.sql(f"from '{landed.path}'").types]


@pytest.fixture
def vendor(tmp_path) -> Iterator[Vendor]:
    path, modules = list(sys.path), set(sys.modules)
    yield Vendor(tmp_path)
    assert sys.path == path
    assert not [n for n in set(sys.modules) - modules if n.split(".")[0] == "sources"]


# What it gives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "return [{'id': 1}, {'id': 2}]",
        "yield {'id': 1}\nyield {'id': 2}",
        "yield [{'id': 1}]\nyield None\nyield ({'id': 2},)",
        "return ({'id': n} for n in (1, 2))",
        "import pyarrow as pa; return pa.table({'id': [1, 2]})",
        "import pyarrow as pa; yield pa.record_batch({'id': [1]}); yield pa.table({'id': [2]})",
        "import pandas as pd; return pd.DataFrame({'id': [1, 2]})",
        "import pandas as pd; f = pd.DataFrame({'id': [0, 1, 2]}); return f[f['id'] > 0]",
        "import polars as pl; return pl.DataFrame({'id': [1, 2]})",
        "(context.folder / 'x.csv').write_text('id\\n1\\n2\\n'); return context.folder / 'x.csv'",
        "(context.root / 'x.ndjson').write_text('{\"id\": 1}\\n{\"id\": 2}'); return 'x.ndjson'",
        "yield Rows([{'id': 1}, {'id': 2}], cursor='2')",
    ],
)
def test_rows_come_in_many_forms(vendor, body):
    assert vendor.rows(body) == [(1,), (2,)]


def test_values_of_dicts_are_spelled_exactly(vendor):
    (landed,) = vendor.fetch("""
        import numpy as np, uuid
        yield {"close": Decimal("1.10"), "big": 2**70, "day": date(2024, 1, 2), "t": time(9, 30),
               "at": datetime(2024, 1, 2, 3, tzinfo=timezone.utc), "n": np.int64(7), "none": None,
               "in": [{"x": Decimal("1E-30")}], "id": uuid.UUID(int=0), "a": np.array([1.5])}
    """.replace("\n        ", "\n"))  # fmt: skip

    assert landed.path.read_text() == (
        '{"close": 1.10, "big": 1180591620717411303424, "day": "2024-01-02", "t": "09:30:00",'
        ' "at": "2024-01-02T03:00:00+00:00", "n": 7, "none": null, "in": [{"x": 1E-30}],'
        ' "id": "00000000-0000-0000-0000-000000000000", "a": [1.5]}\n'
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("b'x'", "`v` holds bytes: decode them, or give base64 or an Arrow table"),
        ("float('nan')", "`v` holds NaN or infinity, which JSON has not: give None"),
        ("[{'a': Decimal('NaN')}]", "`v` holds NaN or infinity, which JSON has not: give None"),
        ("timedelta(1)", "`v` holds a `timedelta`"),
        ("{1}", "`v` holds a `set`"),
        ("'\\ud800'", "`v` holds half a surrogate pair, which is no text"),
        ("__import__('pandas').NaT", "`v` holds NaN or infinity, which JSON has not: give None"),
        ("__import__('numpy').datetime64(1, 'ns')", "`v` holds a `datetime64`"),
    ],
)
def test_a_value_that_json_has_no_word_for_is_refused_by_name(vendor, value, told):
    with pytest.raises(Refused, match=r"source `s`: `sources.vendor:prices` row 2: ") as caught:
        vendor.fetch(f"return [{{'v': 1}}, {{'u': 1, 'v': {value}}}]")

    assert caught.value.what.endswith(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 1", "gives a `int`"),
        ("return [[1]]", "gives a `int`"),
        ("return [{1: 2}]", "row 1: the name 1 is a `int`: give names as text"),
        ("yield {'a': 1}; yield 'x.csv'", "gives rows, then files: one kind for all"),
        ("return 'x.txt'", "gives `x.txt`: a file is to be csv, json, parquet"),
        ("yield Rows([{'a': 1}], cursor=3)", "gives a cursor that is no text: 3"),
        (
            "import pyarrow as pa; yield pa.table({'a': [1]}); yield pa.table({'b': [1]})",
            "gives tables of other columns: a, then b",
        ),
        (
            "import pyarrow as pa; yield pa.table({'a': [1]}); yield pa.table({'a': ['x']})",
            "gives tables whose types don't go together",
        ),
        (
            "import pyarrow as pa; return pa.table({'a': [timedelta(1)]})",
            "gives a column `a` of type duration[us], which Parquet doesn't keep",
        ),
        (
            "import pyarrow as pa; return pa.table([[1], [2]], names=['a', 'A'])",
            "gives two columns called `A`",
        ),
        (
            "import pandas as pd; return pd.DataFrame({'a': [1, 'x']})",
            "gives a table that can't be read",
        ),
        (
            "import pandas as pd; return pd.DataFrame([[1, 2]], columns=['a', 'a'])",
            "gives two columns called `a`",
        ),
        (
            "import pandas as pd; return pd.Series([1], name='a')",
            "gives a `Series`: make a table of it by `to_frame()`",
        ),
        (
            "import pandas as pd; return pd.DataFrame({'k': [1]}, index=pd.Index([1], name='k'))",
            "cannot insert k, already exists",
        ),
        (
            "import pandas as pd; return pd.DataFrame({'m': [pd.Period('2024-01')]})",
            "gives a column `m` of type extension<pandas.period",
        ),
        (
            "import polars as pl; return pl.DataFrame({'o': pl.Series([date], dtype=pl.Object)})",
            "gives a column `o` of objects",
        ),
        (
            "import pyarrow as pa; return pa.table({'a': pa.array([10], pa.decimal128(38, -1))})",
            "the longest decimal has 38 digits",
        ),
    ],
)
def test_what_is_no_row_or_table_is_refused(vendor, body, told):
    (vendor.root / "x.txt").write_text("")
    (vendor.root / "x.csv").write_text("a\n1\n")

    with pytest.raises(Refused) as caught:
        vendor.fetch(body)

    assert told in caught.value.what


def test_a_file_outside_of_the_project_is_refused(vendor, tmp_path_factory):
    path = tmp_path_factory.mktemp("other") / "x.csv"
    path.write_text("a\n1\n")

    with pytest.raises(Refused, match="gives a file outside of the project"):
        vendor.fetch(f"return {str(path)!r}")


def test_tables_keep_their_types(vendor):
    (landed,) = vendor.fetch("""
        import pyarrow as pa
        yield pa.table({
            "d": pa.array([Decimal("1.10")], pa.decimal128(38, 10)), "u": pa.array([1], pa.uint8()),
            "at": pa.array([1000], pa.timestamp("ns", "UTC")), "b": [b"x"], "n": pa.nulls(1),
            "s": [{"x": [1]}], "w": pa.array([Decimal(1)], pa.decimal256(20, 2)),
        })
    """.replace("\n        ", "\n"))  # fmt: skip

    assert types(landed) == [
        "DECIMAL(38,10)", "UTINYINT", "TIMESTAMP WITH TIME ZONE", "BLOB", "VARCHAR",
        "STRUCT(x BIGINT[])", "DECIMAL(20,2)",
    ]  # fmt: skip


def test_categories_of_polars_are_texts(vendor):
    (landed,) = vendor.fetch("""
        import polars as pl
        for words in (["a", "b"], ["c", None]):
            names = pl.Series(words)
            yield pl.DataFrame({
                "c": names.cast(pl.Categorical), "e": names.cast(pl.Enum(names.drop_nulls())),
                "l": pl.Series([[w] for w in words], dtype=pl.List(pl.Categorical)),
            })
    """.replace("\n        ", "\n"))  # fmt: skip

    assert types(landed) == ["VARCHAR", "VARCHAR", "VARCHAR[]"]
    assert read(landed) == [
        ("a", "a", ["a"]), ("b", "b", ["b"]), ("c", "c", ["c"]), (None, None, [None]),
    ]  # fmt: skip


def test_a_decimal_that_ends_before_the_point_is_one_that_does_not(vendor):
    (landed,) = vendor.fetch("""
        import pyarrow as pa
        tens = pa.decimal128(5, -2)
        yield pa.table({"d": pa.array([Decimal("9999900")], tens),
                        "l": pa.array([[Decimal("1500"), None]], pa.list_(tens))})
    """.replace("\n        ", "\n"))  # fmt: skip

    assert types(landed) == ["DECIMAL(7,0)", "DECIMAL(7,0)[]"]
    assert read(landed) == [(9999900, [1500, None])]


def test_a_field_may_be_called_as_a_type_that_is_refused(vendor):
    assert vendor.rows("import pyarrow as pa; return pa.table({'a': [{'interval': 1}]})") == [
        ({"interval": 1},)
    ]


def test_an_index_that_has_a_name_is_a_column(vendor):
    assert vendor.rows(
        "import pandas as pd; return pd.DataFrame({'v': [1]}, index=pd.Index(['a'], name='k'))"
    ) == [("a", 1)]


def test_types_of_many_tables_hold_the_values_of_all(vendor, monkeypatch):
    monkeypatch.setattr("nomad.extract.frames._AT_ONCE", 3)
    body = "import pyarrow as pa\nfor a in ([None], [1], [2.5], [3], [4]): yield pa.table({'a': a})"

    assert vendor.rows(body) == [(None,), (1.0,), (2.5,), (3.0,), (4.0,)]


def test_a_loss_is_refused(vendor):
    with pytest.raises(Refused, match=r"can't be read: Casting .* would lose data"):
        vendor.fetch(
            "import pyarrow as pa; return pa.table({'a': pa.array([1], pa.timestamp('ns', 'UTC'))})"
        )


# Nothing, and where it goes on -------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["return None", "return []", "yield from ()", "yield Rows([], cursor='1')",
             "import pandas as pd; return pd.DataFrame({'a': []})"],
)  # fmt: skip
def test_nothing_is_missing_unless_it_may_be(vendor, body):
    with pytest.raises(SourceMissing, match="source `s` has nothing for 2024-01-02"):
        vendor.fetch(body, DAY)

    (landed,) = vendor.fetch(body, DAY, empty="allow")
    assert read(landed) == []
    assert vendor.fetch(body, mark="2024-01-01") == []
    assert vendor.fetch(body, cursor="7") == []


def test_each_rows_is_a_file_with_its_cursor(vendor):
    landed = vendor.fetch(
        "begin = int(context.cursor or 0)\n"
        "for n in (begin + 1, begin + 2): yield Rows({'n': n}, cursor=str(n))",
        cursor="7",
    )

    assert [(read(f), f.cursor) for f in landed] == [([(8,)], "8"), ([(9,)], "9")]


def test_what_landed_stays_when_it_fails_later(vendor):
    vendor.says("yield Rows({'n': 1}, cursor='1')\nraise OSError('gone')")
    files = vendor.files()

    assert next(files).cursor == "1"
    with pytest.raises(StepFailed, match="OSError: gone"):
        next(files)


def test_a_sample_takes_no_more_than_it_needs(vendor):
    endless = "import itertools\nfor n in itertools.count(): yield {'n': n}"
    tables = (
        "import itertools, pyarrow as pa\nfor n in itertools.count(): yield pa.table({'n': [n]})"
    )
    pages = "import itertools\nfor n in itertools.count(): yield Rows({'n': n}, cursor=str(n))"

    assert vendor.rows(endless, limit=2) == [(0,), (1,)]
    assert len(vendor.fetch(pages, limit=2)) == 2
    assert len(vendor.rows(tables.replace("[n]", "[n] * 100_000"), limit=3)) == 3


# What it is given ------------------------------------------------------------------------------


def test_the_context_says_what_is_asked(vendor, monkeypatch):
    monkeypatch.setenv("VENDOR_TOKEN", "hunter2-hunter2")
    vendor.says(
        "c = context\n"
        "yield {'d': c.date, 'p': c.piece, 'w': c.watermark, 'c': c.cursor, 'l': c.limit,\n"
        "       'o': c.options, 's': len(c.secret('VENDOR_TOKEN')), 'g': given, 'n': c.source}"
    )
    options = {"with": {"market": "SH", "codes": [1, 2]}}

    (landed,) = vendor.files(DAY, mark="5", cursor="7", limit=9, **options)
    (piece,) = vendor.files("2024-01", **options)

    given = {"market": "SH", "codes": [1, 2]}
    assert read(landed) == [(DAY, None, "5", "7", 9, given, 15, given, "s")]
    assert '"d": null, "p": "2024-01"' in piece.path.read_text()


def test_a_secret_is_hidden_and_one_that_is_not_there_named(vendor, monkeypatch):
    monkeypatch.setenv("VENDOR_TOKEN", "hunter2-hunter3")
    with pytest.raises(StepFailed, match=r"ValueError: \*\*\* is wrong"):
        vendor.fetch("raise ValueError(context.secret('VENDOR_TOKEN') + ' is wrong')")
    with pytest.raises(ConfigError, match="needs `NO_TOKEN`, which the environment doesn't have"):
        vendor.fetch("return context.secret('NO_TOKEN')")


# What goes wrong -------------------------------------------------------------------------------


def test_an_exception_names_file_and_line_and_logs_the_traceback(vendor, caplog):
    vendor.says("import json\nyield {'a': 1}\nyield json.loads('{')")

    with pytest.raises(StepFailed) as caught:
        list(vendor.files())

    assert caught.value.where == "sources/vendor.py:9"
    assert caught.value.what.startswith(
        "source `s`: `sources.vendor:prices` failed: JSONDecodeError: "
    )
    assert "yield json.loads('{')" in caplog.text


def test_errors_of_nomad_are_what_they_are_and_an_exit_is_a_failure(vendor):
    with pytest.raises(SourceMissing, match="no session"):
        vendor.fetch("raise SourceMissing('no session today')")
    with pytest.raises(StepFailed, match="SystemExit: 3"):
        vendor.fetch("import sys; sys.exit(3)")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("sources.vendro:prices", "there is no module `sources.vendro`; did you mean `sources.ve"),
        ("nowhere:prices", "there is no module `nowhere`; is nowhere.py in the project's folder"),
        ("sources.vendor:price", "has no function `price`; did you mean `prices`?"),
        ("sources.vendor:x", "module `sources.vendor` has no function `x`; it has: "),
        ("sources.vendor:__name__", "`sources.vendor:__name__` is no function: it is a `str`"),
        (
            "sources.vendor:Rows",
            "`with` doesn't fit the function: got an unexpected keyword argument 'day'",
        ),
    ],
)
def test_a_function_that_is_not_there_is_told(vendor, call, told):
    vendor.says("return {'a': 1}")

    text = refused(lambda: list(vendor.files(call=call, **{"with": {"day": 1}})), ConfigError)

    assert told in text


def test_parameters_are_checked_before_anything_is_called(vendor):
    vendor.says("raise ValueError", head="def prices(context, day, market='SH'):\n")

    def act(**given):
        return refused(lambda: list(vendor.files(**{"with": given})), ConfigError)

    assert act(dya=1, day=2).endswith("keyword argument 'dya'; did you mean `day`?")
    assert "missing a required argument: 'day'; it is `prices(context, day, market='SH')`" in act()


@pytest.mark.parametrize(
    ("text", "told", "where"),
    [
        ("def prices(:\n", "SyntaxError: ", "sources/vendor.py:1"),
        ("import nosuch_library\n", "it needs `nosuch_library`, which is not installed",
         "sources/vendor.py:1"),
        ("x = 1\n1 / 0\n", "can't be imported: ZeroDivisionError", "sources/vendor.py:2"),
    ],
)  # fmt: skip
def test_a_module_that_can_not_be_imported_is_told(vendor, text, told, where):
    (vendor.root / "sources" / "vendor.py").write_text(text)

    with pytest.raises(ConfigError) as caught:
        list(vendor.files())

    assert told in caught.value.what
    assert caught.value.where == where


def test_a_file_that_another_module_stands_for_is_told(vendor):
    (vendor.root / "json.py").write_text("def prices(context): return 1\n")

    with pytest.raises(ConfigError, match="module `json` is not the project's own, but"):
        list(vendor.files(call="json:prices"))


# One process, many projects --------------------------------------------------------------------


def test_projects_with_modules_of_one_name_do_not_mix(vendor, tmp_path):
    (tmp_path / "other").mkdir()
    other = Vendor(tmp_path / "other")
    vendor.says("import sources.more; return {'n': sources.more.N}")
    other.says("import sources.more; return {'n': sources.more.N}")
    (vendor.root / "sources" / "more.py").write_text("N = 1\n")
    (other.root / "sources" / "more.py").write_text("N = 2\n")

    found = [read(next(v.files())) for v in (vendor, other, vendor)]

    assert found == [[(1,)], [(2,)], [(1,)]]


def test_a_module_is_imported_once_until_its_file_changes(vendor):
    count = "N = []\ndef prices(context):\n    N.append(1)\n    return {'n': len(N)}\n"
    path = vendor.root / "sources" / "vendor.py"
    path.write_text(count)

    first = [read(next(vendor.files())) for _ in range(2)]
    path.write_text(f"{count}# other\n")

    assert (*first, read(next(vendor.files()))) == ([(1,)], [(2,)], [(1,)])


def test_another_project_waits_its_turn(tmp_path):
    order: list[str] = []

    def other() -> None:
        with at_work(tmp_path / "b"):
            order.append("b")

    with at_work(tmp_path / "a"):
        thread = Thread(target=other)
        thread.start()
        with at_work(tmp_path / "a"):
            order.append("a")
    thread.join()

    assert order == ["a", "b"]


# From end to end -------------------------------------------------------------------------------

CONFIG = """\
layers: [ods]
timezone: UTC
vars: {MARKET: SH}
sources:
  price:
    connector: python
    call: sources.vendor:prices
    with: {day: $<PARTITION_DATE>, market: $<MARKET>}
  all: {connector: python, call: "sources.vendor:whole"}
"""
MODULE = """\
import pandas as pd

def prices(context, day, market):
    print("asking for", day)
    if context.date.day == 4:
        return
    assert str(context.date) == day and context.variables["MARKET"] == market
    for n in (1, 2):
        yield {"symbol": f"{n}.{market}", "close": n / 10}

def whole(context):
    return pd.DataFrame({"day": [pd.Timestamp("2024-01-02")], "n": [7]})
"""


def test_a_function_lands_its_rows_by_date_and_whole(empty: Project):
    empty.write("nomad.yaml", CONFIG)
    empty.write("sources/vendor.py", MODULE)

    answer = empty("extract", "--from", "2024-01-02", "--to", "2024-01-04", "-o", "json")

    assert answer.code == 0, answer.err
    assert answer.json
    assert "asking for 2024-01-02" in answer.err
    assert "no source for 2024-01-04: passed over" in answer.err
    assert empty.rows("select dt::text, symbol, close from raw.price order by 1, 2") == [
        ["2024-01-02", "1.SH", 0.1], ["2024-01-02", "2.SH", 0.2],
        ["2024-01-03", "1.SH", 0.1], ["2024-01-03", "2.SH", 0.2],
    ]  # fmt: skip
    assert empty.rows("select day::text, n, typeof(n) from raw.all") == [
        ["2024-01-02 00:00:00", 7, "BIGINT"]
    ]


def test_a_failure_of_one_date_leaves_the_others(empty: Project):
    empty.write("nomad.yaml", CONFIG)
    empty.write(
        "sources/vendor.py", MODULE.replace("yield {", "1 / (context.date.day - 2); yield {")
    )

    answer = empty("extract", "price", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 1
    assert "sources/vendor.py:9: " in answer.err
    assert "ZeroDivisionError" in answer.err
    assert empty.rows("select count(*) from raw.price") == [[2]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "needs a `call`"),
        ("call: sources/vendor.py:prices", "`call` must be like `sources.vendor:prices`"),
        ("call: prices", "`call` must be like `sources.vendor:prices`"),
        ("call: a:b, with: x", "`with` must hold `name: value` pairs"),
        ("call: a:b, empty: never", "`empty` can't be `never`: it can be refuse or allow"),
    ],
)
def test_a_wrong_option_is_refused(empty: Project, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: python, {options}}}\n")

    answer = empty("plan", "--dt", "2024-01-02")

    assert answer.code == 2
    assert told in answer.err


def test_a_probe_finds_the_function_and_calls_nothing(vendor):
    vendor.says("raise ValueError")

    told = CONNECTORS["python"].probe(
        asked("python", root=vendor.root, call="sources.vendor:prices")
    )

    assert told == "function sources.vendor:prices, line 6"


PAGES = """\
from pathlib import Path
from nomad.extract.context import Rows

def pages(context, day):
    for page in range(int(context.cursor or 0) + 1, 4):
        with (context.root / "asked.txt").open("a") as f:
            f.write(f"{page} ")
        if page == 3 and not (context.root / "up").exists():
            raise OSError("the vendor is down")
        yield Rows([{"page": page, "n": n} for n in (1, 2)], cursor=str(page))
"""


def test_a_date_that_was_broken_off_goes_on_after_its_last_rows(empty: Project):
    source = "{connector: python, call: 'sources.vendor:pages', with: {day: $<PARTITION_DATE>}}"
    empty.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  s: {source}\n")
    empty.write("sources/vendor.py", PAGES)

    broken = empty("extract", "--dt", "2024-01-02")
    empty.write("up", "")
    whole = empty("extract", "--dt", "2024-01-02")

    assert (broken.code, whole.code) == (1, 0), whole.err
    assert (empty.root / "asked.txt").read_text().split() == ["1", "2", "3", "3"]
    assert empty.rows("select dt::text, page, n from raw.s order by 2, 3") == [
        ["2024-01-02", page, n] for page in (1, 2, 3) for n in (1, 2)
    ]
