"""Results can be read: values as they are, wide rows, closed pipes, terminals without colours."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from conftest import ROOT

VALUES = """select interval 14 month as month, 'infinity'::timestamp as endless,
 '-infinity'::date as ever, timestamp_ns '2024-01-01 00:00:00.123456789' as nano,
 'nan'::double as nan, [1, null, 3] as list, []::int[] as hollow, null::int[] as none,
 {'x': interval 1 month} as nested"""


def on_a_terminal(project, columns: int, *words: str) -> list[str]:
    """Type a command at a terminal of so many columns; give the lines, without colours."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), "TERM": "dumb"}
    environ.pop("COLUMNS", None)
    done = subprocess.Popen(
        [sys.executable, "-m", "nomad", *words],
        cwd=project.root, stdout=child, stderr=child, env=environ,
    )  # fmt: skip
    os.close(child)
    told = b""
    try:
        while True:
            told += os.read(parent, 65536)
    except OSError:
        pass
    finally:
        os.close(parent)
        assert done.wait() == 0
    return told.decode().replace("\r", "").splitlines()


def test_values_print_as_they_are(built):
    """Python has no month, no infinity of dates and no nanosecond; DuckDB writes the texts."""
    answer = built("sql", VALUES, "-o", "csv").out.splitlines()[1]

    assert answer == (
        "1 year 2 months,infinity,-infinity,2024-01-01 00:00:00.123456789,nan,"
        "\"[1, NULL, 3]\",[],,{'x': 1 month}"
    )


def test_values_in_json_are_texts_where_json_has_none(built):
    (row,) = built("sql", VALUES + ", 'x' as t, 'x' as t", "-o", "json").json["rows"]

    assert row == {
        "month": "1 year 2 months", "endless": "infinity", "ever": "-infinity",
        "nano": "2024-01-01T00:00:00.123456789", "nan": "nan", "list": [1, None, 3],
        "hollow": [], "none": None, "nested": {"x": "1 month"}, "t": "x", "t_1": "x",
    }  # fmt: skip


def test_lines_have_a_value_each(built):
    answer = built("sql", "select 1 as a, 'x' as longer union all select 2, null", "-o", "line")

    assert answer.out == "a       1\nlonger  x\n\na       2\nlonger\n"


def test_a_wide_row_on_a_narrow_terminal_leaves_out_the_middle(built):
    query = "select " + ", ".join(f"{i} as column_{i}" for i in range(16))

    lines = on_a_terminal(built, 60, "sql", query)

    assert lines[0].split() == ["column_0", "column_1", "column_2", "column_3", "…", "column_15"]
    assert lines[2].split() == ["0", "1", "2", "3", "…", "15"]
    assert lines[3] == "(11 of 16 columns left out: -o line, json and csv have all)"
    assert max(map(len, lines[:3])) <= 60


def test_refused_rows_begin_with_what_is_wrong(built):
    built.write(
        "sql/ods/ods_price.yml",
        """\
unique_key: [close]
columns: [{name: symbol, tests: [not_null: {severity: quarantine}]}]
""",
    )
    built.write("in/2024-01-02.csv", "symbol,close\n,1\nB,2\n")
    built("extract", "--dt", "2024-01-02")
    built("run", "ods_price", "--dt", "2024-01-02")

    words = ("quarantine", "show", "ods_price", "--dt", "2024-01-02")
    header = built(*words, "-o", "csv").out.splitlines()[0].split(",")
    lines = on_a_terminal(built, 50, *words)

    assert header[:5] == ["_test", "_column", "_value", "_row_number", "close"]
    assert lines[0].split()[:2] == ["_test", "_column"]
    assert max(map(len, lines[:3])) <= 50


@pytest.mark.parametrize("words", ["ls", "run --dt 2024-01-02 --force", "sql 'from range(9999)'"])
def test_a_closed_output_changes_no_exit_code(built, words):
    command = f"{sys.executable} -m nomad {words} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=built.root, env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    "environ",
    [{"PYTHONIOENCODING": "gbk"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_letters_that_the_terminal_lacks_are_spelled_out(built, environ):
    done = built.process("sql", "select '😀' as x", env_extra=environ)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "\\U0001f600"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(built, environ):
    code = (
        "from click.testing import CliRunner; from nomad.cli import app;"
        "print(CliRunner().invoke(app, ['status', '--dt', '2024-01-02'], color=True).output)"
    )
    base = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), "TERM": "xterm"}
    base.pop("NO_COLOR", None)

    def told(**more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=built.root, env={**base, **more}, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    assert "\x1b[" not in told(**environ)


def test_a_table_in_a_pipe_reads_as_one_with_colours(project):
    """What needs no folding is aligned without rich, which lays out the other."""
    query = (
        "select * from (values ('日本語', 1.50, null, true), ('é [b]', 10, 'a  b', false))"
        ' as t(name, "größe", nothing, fine)'
    )
    plain = project("sql", query)
    coloured = project("sql", query, env={"FORCE_COLOR": "1"})

    assert plain.code == coloured.code == 0
    assert coloured.out != plain.out
    shown = re.sub(r"\x1b\[[\d;]*m", "", coloured.out)
    assert [line.rstrip() for line in shown.splitlines()] == plain.out.splitlines()


def test_a_misspelt_command_and_an_option_too_early_are_told(project):
    assert "no command `rnu`: did you mean `run`?" in project("rnu").err
    answer = project("--dt", "2024-01-02", "run")
    assert answer.code == 2
    assert "--dt belongs after the command: nomad run --dt …" in answer.err


def test_the_version_names_those_of_duckdb_and_sqlglot(project):
    assert [line.split()[0] for line in project("--version").out.splitlines()] == [
        "nomad,", "duckdb", "sqlglot",
    ]  # fmt: skip


def test_check_lists_what_does_not_pass_and_json_has_all(built):
    built.write(
        "sql/ods/ods_price.yml",
        """\
columns:
  - {name: symbol, tests: [not_null]}
  - {name: close, tests: [range: {max: 0, severity: warn}]}
""",
    )
    words = ("check", "ods_price", "--dt", "2024-01-02")

    table = built(*words)

    assert [line.split()[2] for line in table.out.splitlines()[2:]] == ["close_range"]
    assert "2 checks, 0 broken" in table.err
    assert len(built(*words, "-o", "json").json["checks"]) == 2


def test_diff_names_the_two_versions_and_says_where_there_is_no_key(built):
    first = built.manifest("ods.ods_price", "2024-01-02")["run_id"]
    built.write("in/2024-01-02.csv", "symbol,close\nA,7\nB,2\n")
    built("extract", "--dt", "2024-01-02")
    built("run", "ods_price", "--dt", "2024-01-02")
    second = built.manifest("ods.ods_price", "2024-01-02")["run_id"]

    answer = built("diff", "ods_price", "--dt", "2024-01-02")

    assert answer.err.splitlines()[:2] == [
        f"{first} → {second} (published)",
        "no key tells rows apart here: a changed row is one removed and one added",
    ]
    assert answer.out.startswith("1 added, 1 removed, 0 changed\n")


def test_config_tells_what_an_option_sets(project):
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + "vars: {least: 0}\n")

    rows = project("config", "--var", "least=9", "-o", "json").json["values"]

    values = {r["key"]: (r["value"], r["origin"]) for r in rows}
    assert values["vars.least"] == ("9", "--var")
    assert values["layers"][0] == "ods, dwd, dws"
    assert values["lake.endpoint"][0] == ""


def test_broken_tests_are_text_in_csv(built):
    built.write(
        "sql/ods/ods_price.yml",
        "columns: [{name: close, tests: [range: {max: 0, severity: warn}]}]\n",
    )

    answer = built("run", "ods_price", "--dt", "2024-01-02", "--force", "-o", "csv")

    assert answer.out.splitlines()[1].endswith(",close_range: 2")


def test_a_caret_stands_below_its_word_beside_tabs_and_wide_letters(built):
    """A terminal gives a wide letter two cells; a tab is as wide as the one above it."""
    answer = built("sql", "select\t'代码', nosuch from dwd.dwd_price")

    lines = answer.err.splitlines()
    place = next(n for n, line in enumerate(lines) if line.endswith("^"))
    text, mark = lines[place - 1 : place + 1]
    assert mark.expandtabs(8).index("^") == len(
        "".join("xx" if c in "代码" else c for c in text[: text.index("nosuch")]).expandtabs(8)
    )


def test_hints_name_pages_that_are_there(project):
    project.write("nomad.yaml", "layer: [ods]\n")

    hint = project("ls").err.splitlines()[-1]

    assert type(ROOT)(hint.split()[-1]) == ROOT / "docs" / "config.md"


def test_infinite_dates_within_lists_are_texts_in_json(empty):
    """Python has none: it would show the year 9999."""
    empty.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\n")
    query = (
        "select ['infinity'::date, '2024-01-02'::date] as l, {'t': '-infinity'::timestamp} as s,"
        " map {'k': 'infinity'::timestamptz} as m, ['2024-01-02 10:00:00'::timestamp] as finite"
    )

    assert empty("sql", query, "-o", "json").json["rows"] == [
        {
            "l": ["infinity", "2024-01-02"],
            "s": {"t": "-infinity"},
            "m": {"k": "infinity"},
            "finite": ["2024-01-02T10:00:00"],
        }
    ]
