"""Sources as `nomad.yaml` has them: faults are found when it is read, by every command."""

from __future__ import annotations

import re

import pytest

WORKS = "layers: [ods]\nsources:\n  s: {{connector: file, {}}}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('path: x.csv, headers: {Authorization: "1"}', "connector `file` has no option `headers`"),
        ("path: x.csv, renam: {a: b}", "no option `renam`: did you mean `rename`?"),
        ("path: x.csv, rename: a", "`rename` must hold `delivered name: new name` pairs"),
        ("path: x.csv, rename: {a: {b: c}}", "`rename` must give each column a new name"),
        ("path: x.csv, rename: {a: x, b: X}", "`rename` gives two columns the name `x`"),
        ("path: x.csv, drift: alow", "`drift` can't be `alow`: did you mean `allow`?"),
        ("path: {a: b}", "`path` must be a text"),
        ('path: "file:///x.csv"', "`path` can't be `file://…`: a path on this machine is written"),
        ('path: "ftp://h/x.csv", storage_options: a', "`storage_options` must hold `name: value`"),
        ("path: x.csv.7z", "`path` ends in `.7z`: of packed files, .gz, .bz2, .zst, .zip are read"),
        ("path: x.dat.gz", "no format is known for `.dat`: set `format:` to csv"),
        ("path: x.csv, compression: lzma", "`compression` can't be `lzma`: it can be gzip or bz2"),
        ("path: x.zip, member: [a]", "`member` must be a text"),
        ("path: x.zip, max_unpacked: 5B", "must be a size in MB, GB or TB, like `10 GB`"),
        ('path: x.csv, delimiter: "::"', "`delimiter` must be a single character (got '::')"),
        ("path: x.dat", "no format is known for `.dat`: set `format:` to csv"),
        ("path: x.csv, format: cvs", "`format` can't be `cvs`: did you mean `csv`?"),
        ('path: x.csv, delimiter: "auto "', "`delimiter` must be a single character (got 'auto ')"),
        ("path: x.csv, encoding: klingon", "`encoding` is no encoding `klingon`"),
        ('path: "$<PARTITION_DATE:yyyymmdd>.csv"', "a form that isn't known: `yyyymmdd`"),
        ('path: "$<PARTITION_DATE:%Q>.csv"', "a form that isn't known: `%Q`"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["ls", "extract"])
def test_a_bad_option_is_refused_by_every_command(empty, options, message, command):
    empty.write("nomad.yaml", WORKS.format(options))

    answer = empty(command)

    assert answer.code == 2
    assert "nomad.yaml:3: source `s`: " in answer.err
    assert message in answer.err


@pytest.mark.parametrize("command", ["ls", "plan", "doctor", "config", "extract"])
def test_an_unknown_connector_is_refused_by_every_command(empty, command):
    empty.write("nomad.yaml", "sources:\n  s: {connector: oracle, path: x.csv}\n")

    answer = empty(command)

    assert answer.code == 2
    assert re.search(
        "nomad.yaml:2: source `s`: no connector `oracle`: there is: .*file", answer.err
    )


def test_sources_that_differ_only_in_case_are_refused(empty):
    empty.write(
        "nomad.yaml",
        "sources:\n  a: {connector: file, path: a.csv}\n  A: {connector: file, path: b.csv}\n",
    )

    answer = empty("ls")

    assert answer.code == 2
    assert "nomad.yaml:3: source `A` differs from `a` only in case" in answer.err


def test_all_faults_of_the_sources_are_told_at_once(empty):
    empty.write(
        "nomad.yaml",
        "sources:\n  a: {connector: file}\n  b: {connector: file, path: x.csv, sep: ','}\n",
    )

    answer = empty("ls")

    assert "source `a` needs a `path`" in answer.err
    assert "no option `sep`" in answer.err


def test_a_map_of_a_source_is_listed_with_its_place(empty):
    empty.write("nomad.yaml", WORKS.format("path: x.csv, rename: {DT: trade_date}"))

    rows = {r["key"]: r for r in empty("config", "-o", "json").json["values"]}

    assert rows["sources.s.rename.DT"]["value"] == "trade_date"
    assert rows["sources.s.rename.DT"]["origin"] == "nomad.yaml:3"


def test_a_date_can_be_spelled_as_the_files_have_it(project):
    project.write(
        "nomad.yaml",
        "layers: [ods, dwd, dws]\nsources:\n"
        '  price: {connector: file, path: "i/$<PARTITION_DATE:%Y>/$<PARTITION_DATE:%d%m%y>.csv"}\n',
    )
    project.write("i/2024/020124.csv", "symbol,close\nA,1\n")

    assert project("extract", "--dt", "2024-01-02").code == 0
    missing = project("extract", "--dt", "2024-01-04")

    assert project.rows("select symbol, dt::varchar from raw.price") == [["A", "2024-01-02"]]
    assert "i/2024/040124.csv" in missing.err


def test_a_rotated_secret_is_no_other_recipe(project):
    """The fingerprint of a source is of its text in nomad.yaml, not of the environment's."""
    project.write(
        "nomad.yaml",
        "layers: [ods, dwd, dws]\nsources:\n"
        '  price: {connector: file, path: "${FOLDER}/2024-01-02.csv"}\n',
    )
    hashes = []
    for folder, text in (("a", "symbol\nA\n"), ("b", "symbol\nB\n")):
        project.write(f"{folder}/2024-01-02.csv", text)
        assert project("extract", env={"FOLDER": folder}).code == 0
        hashes.append(project.manifest("raw.price")["sql_hash"])

    assert hashes[0] == hashes[1]
