"""Connector `file`: patterns, packed files, and what comes in place of a file."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from backports import zstd

from buckets import made_bucket, running, server  # noqa: F401
from conftest import Project
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, Unreachable
from nomad.extract.base import OnDisk, Request, Stamped
from nomad.extract.connectors.file import CONNECTOR
from nomad.extract.formats import PACKINGS
from nomad.extract.patterns import matcher
from web import Reply, serving

DAY = date(2024, 1, 2)
TEXT = b"code,close\nA,1\nB,2\n"


def zipped(*members: tuple[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return held.getvalue()


PACKED = {
    "gz": gzip.compress, "bz2": bz2.compress, "zst": zstd.compress,
    "zip": lambda data: zipped(("x.csv", data)),
}  # fmt: skip


def write(root, name, data=TEXT):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def asked(root, path, **options) -> Request:
    more = {n: options.pop(n) for n in ("limit", "known", "previous") if n in options}
    source = SourceConfig("s", "file", {"path": path, **options}, "nomad.yaml:3")
    return Request(source, DAY, root, **more)


def fetch(root, path, **options):
    """What lands: the text of each file."""
    return [f.path.read_bytes() for f in landed(root, path, **options)]


def landed(root, path, **options):
    into = root / "into"
    into.mkdir(exist_ok=True)
    return list(CONNECTOR.fetch(asked(root, path, **options), into))


def fault(kind, root, path, **options) -> NomadError:
    with pytest.raises(kind) as caught:
        landed(root, path, **options)
    return caught.value


# Packed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKED)
def test_what_was_packed_lands_unpacked(tmp_path, ending):
    write(tmp_path, f"in/x.csv.{ending.upper()}", PACKED[ending](TEXT))

    assert fetch(tmp_path, f"in/x.csv.{ending.upper()}") == [TEXT]


@pytest.mark.parametrize(("ending", "word"), [("gz", "gzip"), ("zst", "zstd"), ("bz2", "bz2")])
def test_what_is_packed_may_be_told(tmp_path, ending, word):
    write(tmp_path, "x.csv", PACKED[ending](TEXT))
    write(tmp_path, "y.csv.gz", TEXT)

    assert fetch(tmp_path, "x.csv", compression=word) == [TEXT]
    assert fetch(tmp_path, "y.csv.gz", compression="none") == [TEXT]


@pytest.mark.parametrize("ending", PACKED)
def test_half_of_a_packed_file_is_refused(tmp_path, ending):
    data = PACKED[ending](b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000)))
    write(tmp_path, f"x.csv.{ending}", data[: len(data) // 2])

    error = fault(Refused, tmp_path, f"x.csv.{ending}")

    assert error.where == f"x.csv.{ending}"
    assert "damaged, or half of one" in error.what or ending == "zip"


@pytest.mark.parametrize("rows", [1, 500_000])
def test_what_follows_behind_a_gzip_file_is_told(tmp_path, rows):
    write(tmp_path, "x.csv.gz", gzip.compress(TEXT * rows, 1) + b"<html>")

    error = fault(Refused, tmp_path, "x.csv.gz")

    assert error.what == "source `s`: the gzip file has something else behind its end"
    assert error.hint == "have it delivered again, whole"


@pytest.mark.parametrize("ending", PACKED)
def test_what_is_not_packed_as_it_says_is_refused(tmp_path, ending):
    write(tmp_path, f"x.csv.{ending}", TEXT)

    error = fault(Refused, tmp_path, f"x.csv.{ending}")

    assert error.what == f"source `s`: it is no {PACKINGS[f'.{ending}']} file"
    assert error.hint == "set `compression:` to what it is, or to none"


@pytest.mark.parametrize("ending", PACKED)
def test_more_than_is_allowed_is_not_unpacked(tmp_path, ending):
    write(tmp_path, f"x.csv.{ending}", PACKED[ending](b"0" * 3_000_000))

    error = fault(Refused, tmp_path, f"x.csv.{ending}", max_unpacked="2.5 MB")

    assert "it unpacks to more than 2.5 MB" in error.what
    assert "set `max_unpacked:`" in error.hint
    assert sum(p.stat().st_size for p in (tmp_path / "into").iterdir()) < 2_600_000
    assert len(fetch(tmp_path, f"x.csv.{ending}", max_unpacked="3 MB")) == 1


def test_files_of_a_zip_count_together(tmp_path):
    write(tmp_path, "x.zip", zipped(("a.csv", b"0" * 2_000_000), ("b.csv", b"0" * 2_000_000)))

    error = fault(Refused, tmp_path, "x.zip", member="*.csv", max_unpacked="3 MB")

    assert error.where == "x.zip/b.csv"


def test_of_a_zip_the_files_that_are_meant_land(tmp_path):
    held = [
        ("b/2.csv", b"a\n2\n"),
        ("1.csv", b"a\n1\n"),
        ("readme", b"-"),
        ("__MACOSX/._1.csv", b"-"),
    ]
    write(tmp_path, "x.zip", zipped(*held))

    files = landed(tmp_path, "x.zip", member="*.csv")

    assert [f.path.read_bytes() for f in files] == [b"a\n1\n", b"a\n2\n"]
    assert [f.part for f in files] == ["x.zip/1.csv", "x.zip/b/2.csv"]
    assert fetch(tmp_path, "x.zip", member="b/2.csv") == [b"a\n2\n"]
    assert fetch(tmp_path, "x.zip", member="*/*.csv") == [b"a\n2\n"]
    several = fault(Refused, tmp_path, "x.zip")
    assert several.what == "source `s`: it has 3 files: `1.csv`, `b/2.csv`, `readme`"
    none = fault(Refused, tmp_path, "x.zip", member="*.json")
    assert "no file in it is called `*.json`; it has `1.csv`" in none.what


def test_a_file_in_a_zip_says_what_it_is(tmp_path):
    write(tmp_path, "x.zip", zipped(("a.json", b'{"a": 1}')))
    write(tmp_path, "y.zip", zipped(("a.dat", b"a\n1\n")))

    assert [f.format for f in landed(tmp_path, "x.zip")] == ["json"]
    assert "no format is known for `.dat`" in fault(ConfigError, tmp_path, "y.zip").what
    assert fetch(tmp_path, "y.zip", format="csv") == [b"a\n1\n"]


def test_an_encrypted_zip_is_told_as_such(tmp_path):
    data = bytearray(zipped(("x.csv", TEXT)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    write(tmp_path, "x.zip", bytes(data))

    assert "has a password" in fault(Refused, tmp_path, "x.zip").what


def test_without_its_package_zstd_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "backports.zstd", None)
    monkeypatch.delattr("backports.zstd")
    write(tmp_path, "x.csv.zst", zstd.compress(TEXT))

    error = fault(ConfigError, tmp_path, "x.csv.zst")

    assert error.hint == "pip install 'nomad-warehouse[zstd]'"


# What comes in place of a file -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        (
            "x.csv",
            b"\xef\xbb\xbf\n <!DOCTYPE html><html>",
            "an HTML page came in place of the file",
        ),
        ("x.json", b"<html><body>Log in", "an HTML page came in place of the file"),
        ("x.parquet", b"<!doctype html>", "an HTML page came in place of the file"),
        ("x.csv", b"<?xml version='1.0'?><Error/>", "XML came in place of the file"),
        ("x.csv", gzip.compress(TEXT, mtime=0), "it is packed with gzip"),
        ("x.json", zstd.compress(TEXT), "it is packed with zstd"),
        ("x.csv", bz2.compress(TEXT), "it is packed with bz2"),
        ("x.csv", zipped(("x", TEXT)), "it is packed with zip"),
        (
            "x.csv.gz",
            gzip.compress(b"<!doctype html>", mtime=0),
            "an HTML page came in place of the file",
        ),
    ],
)
def test_what_is_something_else_is_refused_as_what_it_is(tmp_path, name, data, what):
    write(tmp_path, name, data)

    error = fault(Refused, tmp_path, name)

    assert error.what == f"source `s`: {what}"
    assert error.where == name


def test_a_column_may_be_called_like_a_mark(tmp_path):
    write(tmp_path, "x.csv", b"BZh9,b\n1,2\n")

    assert fetch(tmp_path, "x.csv") == [b"BZh9,b\n1,2\n"]


# Patterns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("in/*.csv", ["in/a.csv", "in/中 文.csv", "in/[1].csv"], ["in/.a.csv", "in/b/a.csv"]),
        ("**/x.csv", ["x.csv", "a/b/x.csv"], [".git/x.csv", "ax.csv"]),
        ("dt=*/[!a-c]?.csv", ["dt=1/d1.csv"], ["dt=1/a1.csv", "dt=1/d.csv", "dt=1/d/.csv"]),
        ("a[[]1].csv", ["a[1].csv"], ["a1.csv"]),
        ("[", ["["], ["x"]),
    ],
)
def test_a_pattern_means_what_a_shell_takes_it_for(tmp_path, pattern, names, others):
    for name in (*names, *others):
        write(tmp_path, name)

    assert all(matcher(pattern).fullmatch(n) for n in names)
    assert not any(matcher(pattern).fullmatch(n) for n in others)
    found = CONNECTOR.stamps(asked(tmp_path, pattern, format="csv"))
    assert list(found) == sorted(names)


def test_the_files_of_a_pattern_land_in_order_of_name(tmp_path):
    for name in ("b", "a", "c d"):
        write(tmp_path, f"k=v/{name}_2024-01-02.csv", b"x\n%s\n" % name.encode())
    write(tmp_path, "k=v/a_2024-01-03.csv")

    files = landed(tmp_path, "k=v/*_2024-01-02.csv")

    assert [f.path.read_bytes() for f in files] == [b"x\na\n", b"x\nb\n", b"x\nc d\n"]
    assert [f.window for f in files] == [DAY] * 3
    assert [f.part for f in files][2] == "k=v/c d_2024-01-02.csv"


def test_a_file_or_folder_called_like_a_pattern_is_that_one(tmp_path):
    write(tmp_path, "in [1]/a*.csv", b"a\n1\n")
    write(tmp_path, "in [1]/ab.csv", b"a\n2\n")
    write(tmp_path, "in 1/ab.csv", b"a\n3\n")

    assert fetch(tmp_path, "in [1]/a*.csv") == [b"a\n1\n"]
    assert fetch(tmp_path, "in [1]/*b.csv") == [b"a\n2\n"]
    assert fetch(tmp_path, str(tmp_path / "in [1]" / "*b.csv")) == [b"a\n2\n"]


def test_a_pattern_that_nothing_matches_is_told(tmp_path):
    error = fault(SourceMissing, tmp_path, "in/*_2024-01-02.csv")

    assert error.where == str(tmp_path / "in/*_2024-01-02.csv")
    assert error.hint.startswith("no file matches this pattern")


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (b"code\nA\n", "lacks `close`, against in/a.csv"),
        (b"code,close,x\nA,1,2\n", "has `x`, against in/a.csv"),
        (b"code,price\nA,1\n", "lacks `close`; has `price`, against in/a.csv"),
        (
            b"close,code\n1,A\n",
            "its columns are in another order: `close`, `code`, against in/a.csv",
        ),
    ],
)
def test_files_of_one_date_have_the_same_columns(tmp_path, second, what):
    write(tmp_path, "in/a.csv")
    write(tmp_path, "in/b.csv", second)

    error = fault(Refused, tmp_path, "in/*.csv")

    assert error.where == "in/b.csv"
    assert error.what == f"source `s`: {what}"


def test_files_of_other_kinds_are_no_files_of_one_date(tmp_path):
    write(tmp_path, "in/a.csv")
    write(tmp_path, "in/b.tsv", b"code\tclose\nA\t1\n")
    write(tmp_path, "in/c.json", b"{}")

    assert "it is cut by '\\t'" in fault(Refused, tmp_path, "in/[ab].*").what
    assert "it is json" in fault(Refused, tmp_path, "in/[ac].*").what


def test_of_a_sample_the_first_rows_of_the_first_file_land(tmp_path):
    write(tmp_path, "in/a.csv", b'a,b\n"1\n1",2\n3,4\n5,6\n')
    write(tmp_path, "in/b.csv.gz", gzip.compress(TEXT, mtime=0))
    write(tmp_path, "in/c.csv", b"a,b")

    assert fetch(tmp_path, "in/*", format="csv", limit=2) == [b'a,b\n"1\n1",2\n3,4\n']
    assert fetch(tmp_path, "in/*.gz", format="csv", each="file", limit=1) == [b"code,close\nA,1\n"]
    assert fetch(tmp_path, "in/c.csv", limit=5) == [b"a,b"]


def test_size_and_time_of_a_file_on_this_machine_are_known(tmp_path):
    write(tmp_path, "in/a.csv.gz", b"-")
    stat = (tmp_path / "in/a.csv.gz").stat()
    later = datetime.now(UTC) + timedelta(seconds=5)

    assert isinstance(CONNECTOR, OnDisk)
    assert isinstance(CONNECTOR, Stamped)
    stamps = CONNECTOR.stamps(replace(asked(tmp_path, "in/*.gz"), clock=lambda: later))
    assert stamps == {"in/a.csv.gz": f"1-{stat.st_mtime_ns}-{stat.st_ctime_ns}"}
    assert CONNECTOR.stamps(asked(tmp_path, "in/*.gz")) == {"in/a.csv.gz": ""}
    assert CONNECTOR.is_here(asked(tmp_path, "in/*.gz"))
    assert not CONNECTOR.is_here(asked(tmp_path, "in/*.csv"))
    assert CONNECTOR.stamps(asked(tmp_path, "http://host/x.csv")) == {}


@pytest.mark.parametrize("ending", PACKED)
def test_the_columns_of_a_packed_file_are_known_beforehand(tmp_path, ending):
    write(tmp_path, f"in/2024-01-02.csv.{ending}", PACKED[ending]("代码,b\n1,2\n".encode("gbk")))
    source = asked(tmp_path, f"in/$<PARTITION_DATE>.csv.{ending}", encoding="gbk").source

    assert [c.name for c in CONNECTOR.header(source, tmp_path)] == ["代码", "b"]
    write(tmp_path, f"in/2024-01-03.csv.{ending}", b"PK\x03\x04BZh")
    assert CONNECTOR.header(source, tmp_path) is None


# By file -----------------------------------------------------------------------------------------


def test_a_packed_file_that_changed_lands_whole(tmp_path):
    write(tmp_path, "in/a.csv.gz", gzip.compress(TEXT, mtime=0))
    write(tmp_path, "in/b.csv.gz", gzip.compress(TEXT, mtime=0))
    known = {f.part: f.state for f in landed(tmp_path, "in/*.csv.gz", each="file")}
    write(tmp_path, "in/b.csv.gz", gzip.compress(TEXT + b"C,3\n"))

    (file,) = landed(tmp_path, "in/*.csv.gz", each="file", known=known)

    assert (file.part, file.appended) == ("in/b.csv.gz", False)
    assert file.path.read_bytes() == TEXT + b"C,3\n"


def test_files_of_a_zip_are_parts_and_known_together(tmp_path):
    write(tmp_path, "in/a.zip", zipped(("1.csv", TEXT), ("2.csv", TEXT)))
    options = {"each": "file", "member": "*.csv"}

    known = {f.part: f.state for f in landed(tmp_path, "in/*.zip", **options)}

    assert list(known) == ["in/a.zip/1.csv", "in/a.zip/2.csv"]
    assert landed(tmp_path, "in/*.zip", **options, known=known) == []


def test_text_files_by_file_land_as_csv(tmp_path):
    write(tmp_path, "in/a.txt", "代码\n1\n".encode("gbk"))

    (file,) = landed(tmp_path, "in/*.txt", each="file", encoding="gbk")

    assert (file.format, file.path.read_text()) == ("csv", "代码\n1\n")


# Elsewhere ---------------------------------------------------------------------------------------


def test_a_packed_file_comes_over_http(tmp_path):
    with serving(lambda _: Reply(gzip.compress(TEXT, mtime=0))) as web:
        url = f"{web.url}/x[1]*.csv.gz?day=2"

        assert fetch(tmp_path, url) == [TEXT]
        assert CONNECTOR.probe(asked(tmp_path, url)).startswith(f"{web.url}/x[1]*.csv.gz, ")
        web.replies(Reply(b"<!doctype html>"))
        assert "HTML" in fault(Refused, tmp_path, f"{web.url}/x.csv").what
        web.replies(Reply(status=404))
        with pytest.raises(SourceMissing):
            CONNECTOR.probe(asked(tmp_path, url))
        web.replies(Reply(status=401))
        with pytest.raises(Unreachable):
            CONNECTOR.probe(asked(tmp_path, url))
        web.replies(Reply(status=405))
        assert CONNECTOR.probe(asked(tmp_path, url)).endswith("its size isn't told")


@pytest.mark.usefixtures("server")
def test_the_files_of_a_pattern_come_from_s3(tmp_path, server):  # noqa: F811
    bucket = made_bucket(server)
    with closing(server.client()) as client:
        for key in ("in [1]/b_1.csv", "in [1]/a_1.csv", "in [1]/c_2.csv", "in [1]/d/e_1.csv", "l*"):
            client.put_object(Bucket=bucket, Key=key, Body=b"k\n%s\n" % key.encode())

    assert fetch(tmp_path, f"s3://{bucket}/in [[]1]/*_1.csv") == [
        b"k\nin [1]/a_1.csv\n",
        b"k\nin [1]/b_1.csv\n",
    ]
    assert fetch(tmp_path, f"s3://{bucket}/l*", format="csv") == [b"k\nl*\n"]
    assert (
        fault(SourceMissing, tmp_path, f"s3://{bucket}/*_1.csv").where == f"s3://{bucket}/*_1.csv"
    )
    assert CONNECTOR.probe(asked(tmp_path, f"s3://{bucket}/**/*_1.csv")) == (
        f"3 files, s3://{bucket}/in [1]/a_1.csv to s3://{bucket}/in [1]/d/e_1.csv, 53 bytes"
    )
    assert CONNECTOR.probe(asked(tmp_path, f"s3://{bucket}/in [1]/c_2.csv")).endswith("17 bytes")
    with pytest.raises(SourceMissing):
        CONNECTOR.probe(asked(tmp_path, f"s3://{bucket}/c_2.csv"))


def test_what_has_the_same_stamp_in_s3_is_not_brought_again(tmp_path, server):  # noqa: F811
    bucket = made_bucket(server)
    with closing(server.client()) as client:
        client.put_object(Bucket=bucket, Key="a.csv", Body=TEXT)
        client.put_object(Bucket=bucket, Key="b.csv", Body=TEXT)
        path = f"s3://{bucket}/*.csv"
        known = {f.part: f.state for f in landed(tmp_path, path, each="file")}
        client.put_object(Bucket=bucket, Key="b.csv", Body=TEXT + b"C,3\n")

    (file,) = landed(tmp_path, path, each="file", known=known)

    assert file.part == f"s3://{bucket}/b.csv"


# A run -------------------------------------------------------------------------------------------


def test_one_file_of_a_pattern_lands_by_date(tmp_path):
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        'layers: [ods]\nsources:\n  s: {connector: file, path: "in/*_$<PARTITION_DATE>.csv.gz"}\n',
    )
    write(tmp_path, "in/深圳_2024-01-02.csv.gz", gzip.compress(TEXT, mtime=0))

    answer = project("extract", "--dt", "2024-01-02")
    missing = project("extract", "--dt", "2024-01-03")

    assert answer.code == 0, answer.err
    assert project.rows("select code, close, dt::varchar from raw.s order by all") == [
        ["A", "1", "2024-01-02"],
        ["B", "2", "2024-01-02"],
    ]
    assert missing.code == 3
    assert "no file matches this pattern" in missing.err
