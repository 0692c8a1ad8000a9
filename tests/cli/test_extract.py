"""`nomad extract` and connector `file`."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from typing import ClassVar

import pytest

RAW = "raw/price/dt=2024-01-02"


def source(project, options):
    project.write(
        "nomad.yaml",
        f"layers: [ods, dwd, dws]\nsources:\n  price: {{connector: file, {options}}}\n",
    )


def landed(project, folder=RAW):
    (path,) = [p for p in (project.lake / folder).iterdir() if "-0." in p.name]
    return path


def test_a_file_lands_as_delivered(project):
    answer = project("extract", "--dt", "2024-01-02", "-o", "json")

    assert answer.code == 0
    assert answer.statuses() == {"raw.price 2024-01-02": "published"}
    assert landed(project).read_bytes() == (project.root / "in/2024-01-02.csv").read_bytes()
    assert (project.lake / RAW / "_SUCCESS").exists()


def test_the_same_bytes_are_not_landed_again(project):
    project("extract", "--dt", "2024-01-02")
    before = project.manifest("raw.price", "2024-01-02")

    answer = project("extract", "--dt", "2024-01-02", "-o", "json")

    assert answer.statuses() == {"raw.price 2024-01-02": "fresh"}
    assert project.manifest("raw.price", "2024-01-02") == before


def test_csv_is_text(project):
    project.write("in/2024-01-02.csv", 'symbol,close\n000001,\n"a,b",1e3\n')
    project("extract", "--dt", "2024-01-02")

    assert project.rows("select symbol, close from raw.price") == [["000001", None], ["a,b", "1e3"]]


def test_a_missing_file_is_an_error_for_a_single_date(project):
    answer = project("extract", "--dt", "2024-01-01")

    assert answer.code == 3
    assert "in/2024-01-01.csv: source `price` has no file for 2024-01-01" in answer.err
    assert not (project.lake / "raw").exists()


def test_a_range_in_which_nothing_came_is_an_error(project):
    answer = project("extract", "--from", "2023-01-01", "--to", "2023-01-02")

    assert answer.code == 3


@pytest.mark.parametrize(
    ("encoding", "option"),
    [("utf-8-sig", ""), ("gbk", ", encoding: gbk"), ("utf-16", ", encoding: utf-16")],
)
def test_any_encoding_lands_as_utf_8(project, encoding, option):
    source(project, f'path: "in/$<PARTITION_DATE>.csv"{option}')
    project.write("in/2024-01-02.csv", "股票代码,收盘\n000001,9.21\n".encode(encoding))

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert landed(project).read_text(encoding="utf-8") == "股票代码,收盘\n000001,9.21\n"


def test_a_wrong_encoding_is_refused_with_the_remedy(project):
    project.write("in/2024-01-02.csv", "股票代码\n".encode("gbk"))

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert "not utf-8: byte 0xb9 at 0" in answer.err
    assert "set `encoding:` of the source, e.g. gbk" in answer.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "CSV Error on Line: 3"),
        ("a,b\n1,2\n3,4,5\n", "CSV Error on Line: 3"),
        ("a,a\n1,2\n", "the header names `a` twice"),
        ("a,\n1,2\n", "the header has a column without a name"),
        ("", "the file is empty"),
    ],
)
def test_malformed_csv_is_refused_whole(project, text, message):
    project.write("in/2024-01-02.csv", text)

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert message in answer.err
    assert "in/2024-01-02.csv" in answer.err
    assert "Possible fixes" not in answer.err
    assert not (project.lake / "raw").exists()


def test_another_delimiter_is_remembered_for_reading(project):
    source(project, 'path: "in/$<PARTITION_DATE>.csv", delimiter: ";"')
    project.write("in/2024-01-02.csv", "a;b\n1;2,5\n")
    project("extract", "--dt", "2024-01-02")

    assert project.rows("select a, b from raw.price") == [["1", "2,5"]]


def test_of_a_line_that_is_too_long_its_beginning_is_told(project):
    project.write("in/2024-01-02.csv", "symbol,close\n" + "x" * 2_000_000 + ",1\n")

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert "xxx … xxx" in answer.err
    assert "xxx; Maximum line size of 2000000 bytes exceeded" in answer.err
    assert len(answer.err) < 2000


def test_days_with_other_columns_are_read_together(project):
    project.write("in/2024-01-03.csv", "symbol,close,volume\nC,3,30\n")
    project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert project.rows("select symbol, volume from raw.price order by symbol") == [
        ["A", None],
        ["B", None],
        ["C", "30"],
    ]


def test_json_and_parquet_keep_their_types(project):
    source(project, 'path: "in/$<PARTITION_DATE>.jsonl"')
    project.write("in/2024-01-02.jsonl", '{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n')
    project("extract", "--dt", "2024-01-02")

    assert project.rows("select a, b from raw.price order by a") == [[1, "x"], [2, None]]

    import duckdb

    project.root.joinpath("in").mkdir(exist_ok=True)
    duckdb.sql("select 7 as a").write_parquet(str(project.root / "in/2024-01-03.parquet"))
    source(project, 'path: "in/$<PARTITION_DATE>.parquet", drift: allow')
    project("extract", "--dt", "2024-01-03")

    assert project.rows("select a from raw.price_dt('2024-01-03')") == [[7]]


def test_excel_lands_as_csv(project):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["code", "close"])
    book.active.append(["000001", 9.21])
    (project.root / "in").mkdir(exist_ok=True)
    book.save(project.root / "in/2024-01-02.xlsx")
    source(project, 'path: "in/$<PARTITION_DATE>.xlsx"')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert project.rows("select code, close from raw.price") == [["000001", "9.21"]]


def test_a_source_without_a_date_is_a_full_table(project):
    source(project, 'path: "in/2024-01-02.csv"')
    project.write("sql/ods/ods_price.sql", "select symbol from raw.price")

    answer = project("extract", "-o", "json")
    ran = project("run", "ods_price", "-o", "json")

    assert answer.statuses() == {"raw.price": "published"}
    assert ran.statuses() == {"ods.ods_price": "published"}


@pytest.fixture
def web(project):
    """The project's files over HTTP on loopback."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(project.root))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_source_over_http(project, web):
    source(project, f'path: "{web}/in/$<PARTITION_DATE>.csv"')

    assert project("extract", "--dt", "2024-01-02").code == 0
    assert project.rows("select count(*) from raw.price") == [[2]]

    missing = project("extract", "--dt", "2024-01-01")
    assert missing.code == 3
    assert "has no file for 2024-01-01" in missing.err


def test_a_server_that_is_down_is_told(project):
    source(project, 'path: "http://127.0.0.1:9/$<PARTITION_DATE>.csv", retries: 0')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 3
    assert "source `price` can't be reached" in answer.err


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ('path: "x.csv", encodign: gbk', "has no option `encodign`", "did you mean `encoding`?"),
        ('pth: "x.csv"', "has no option `pth`", "did you mean `path`?"),
        ("encoding: gbk", "source `price` needs a `path`", ""),
        ('path: "x.dat"', "no format is known for `.dat`", "set `format:`"),
        ('path: "in/2024-01-02.csv", encoding: klingon', "no encoding `klingon`", ""),
    ],
)
def test_bad_options_are_refused(project, options, message, hint):
    source(project, options)

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 2
    assert message in answer.err
    assert hint in answer.err
    assert "nomad.yaml:3" in answer.err


def test_an_unknown_connector_or_source_is_told(project):
    project.write("nomad.yaml", "layers: [ods]\nsources: {price: {connector: flie, path: x.csv}}\n")
    connector = project("extract", "--dt", "2024-01-02")
    project.write("nomad.yaml", "layers: [ods]\nsources: {price: {connector: file, path: x.csv}}\n")
    name = project("extract", "prise", "--dt", "2024-01-02")

    assert connector.code == name.code == 2
    assert "no connector `flie`" in connector.err
    assert "did you mean `file`" in connector.err
    assert "no source `prise`" in name.err
    assert "did you mean `price`?" in name.err


def test_a_fault_in_a_sql_file_keeps_no_raw_data_out(project):
    project.write("sql/ods/ods_bad.sql", "select")

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0
    assert project.manifest("raw.price", "2024-01-02")["row_count"] == 2


class Broken(http.server.BaseHTTPRequestHandler):
    """Promises more bytes than it sends."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n3,4\n")

    def log_message(self, *_):
        pass


def test_a_download_cut_short_is_not_landed(project):
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/$<PARTITION_DATE>.csv"
        source(project, f'path: "{address}", retries: 0')
        answer = project("extract", "--dt", "2024-01-02")
        thread.join()

    assert answer.code == 3
    assert "12 of 5000 bytes came" in answer.err
    assert not (project.lake / "raw").exists()


class Guarded(http.server.BaseHTTPRequestHandler):
    """Sends whoever says who he is to another host, and notes what each was told."""

    told: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self):
        who, host = self.headers["Authorization"], self.headers["Host"].split(":")[0]
        self.told.append((host, who))
        self.send_response(302 if who else 401 if host == "127.0.0.1" else 200)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/x.csv")
        self.end_headers()
        self.wfile.write(b"symbol,close\nA,1\n")

    def log_message(self, *_):
        pass


def test_a_server_is_told_who_asks_and_no_other_is(project):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        source(project, f'path: "http://me:a%40${{PW}}@127.0.0.1:{server.server_port}/x.csv"')
        answer = project("extract", env={"PW": "b c%21/#ü"})
        server.shutdown()
        thread.join()

    assert answer.code == 0, answer.err
    sent = base64.b64encode("me:a@b c!/#ü".encode()).decode()
    assert Guarded.told == [("127.0.0.1", f"Basic {sent}"), ("localhost", None)]


@pytest.mark.parametrize(
    ("file", "content", "options", "code"),
    [
        ("x.csv", b"a,b\n", 'path: x.csv, delimiter: "||"', 2),
        ("x.csv", b"a,b\n", 'path: x.csv, delimiter: ""', 2),
        ("x.csv", "a,b\n".encode("utf-16-le"), "path: x.csv, encoding: utf-16", 4),
        ("x.xlsx", b"no zip", "path: x.xlsx", 4),
        ("x.csv", b"h" * 200_000 + b"\n1\n", "path: x.csv", 4),
        ("x.csv", b"", 'path: "http://127.0.0.1:1/a b.csv", retries: 0', 3),
    ],
)
def test_odd_input_is_told_without_a_traceback(project, file, content, options, code):
    project.write(file, content)
    source(project, options)

    answer = project("extract")

    assert answer.code == code, answer.err
    assert answer.err.startswith("nomad: ")


def test_a_quote_of_ones_own_holds_for_the_header_too(project):
    source(project, 'path: x.csv, quote: "\'"')
    project.write("x.csv", "'a,x','b'\n'1,2',3\n")

    assert project("extract").code == 0
    assert project.rows('select "a,x", b from raw.price') == [["1,2", "3"]]


def test_a_later_file_with_fewer_columns_leaves_older_dates_as_they_were(project):
    source(project, 'path: "in/$<PARTITION_DATE>.csv", drift: allow')
    project.write("in/2024-01-02.csv", "symbol,close,volume\nA,1,10\n")
    project.write("sql/ods/ods_vol.sql",
                  "select volume from raw.price where dt = '$<PARTITION_DATE>'")  # fmt: skip
    project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    answer = project("run", "ods_vol", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert project.rows("select volume from raw.price order by dt, symbol") == [
        ["10"], [None], [None],
    ]  # fmt: skip


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """An S3 emulator on loopback, in a process of its own, with one bucket."""
    import os
    import socket
    import subprocess
    import sys
    import time

    import boto3
    from botocore.exceptions import BotoCoreError

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    with (tmp_path / "emulator.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack.app"], env=environ, stdout=log, stderr=log
        )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for _ in range(150):
        try:
            client.create_bucket(Bucket="prices")
            break
        except BotoCoreError:
            assert server.poll() is None
            time.sleep(0.2)
    yield client
    client.close()
    server.kill()
    server.wait()


def test_a_source_in_s3(project, s3):
    s3.put_object(Bucket="prices", Key="in/x y=2024-01-02.csv", Body=b"symbol,close\nA,1\n")
    source(project, 'path: "s3://prices/in/x y=$<PARTITION_DATE>.csv"')

    landed_ = project("extract", "--dt", "2024-01-02")
    missing = project("extract", "--dt", "2024-01-03")
    source(project, 'path: "s3://nobucket/$<PARTITION_DATE>.csv"')
    nobucket = project("extract", "--dt", "2024-01-02")

    assert landed_.code == 0, landed_.err
    assert project.rows("select symbol from raw.price") == [["A"]]
    assert missing.code == nobucket.code == 3
    assert "source `price` has no file for 2024-01-03" in missing.err
    assert "s3://nobucket/2024-01-02.csv: there is no bucket `nobucket`" in nobucket.err


def test_an_s3_that_is_down_is_told(project, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    source(project, 'path: "s3://prices/$<PARTITION_DATE>.csv"')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 3
    assert "no server answers at http://127.0.0.1:9" in answer.err
    assert "hunter2" not in answer.err


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_lands_under_its_new_name(project, kind):
    import duckdb

    rows = duckdb.sql("select '000001' as sym, '1999-09-09' as \"DT\"")
    (project.root / "in").mkdir(exist_ok=True)
    path = project.root / f"in/2024-01-02.{kind}"
    project.write("in/2024-01-02.jsonl", '{"sym": "000001", "DT": "1999-09-09"}\n')
    if kind != "jsonl":
        (rows.write_csv if kind == "csv" else rows.write_parquet)(str(path))
    source(project, f'path: "in/$<PARTITION_DATE>.{kind}", rename: {{dt: trade_date}}')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    query = "select sym, trade_date::varchar, dt::varchar from raw.price"
    assert project.rows(query) == [["000001", "1999-09-09", "2024-01-02"]]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("csv", "e,E\nx,1\ny,\n"),
        ("json", '{"e": "x", "E": "1"}\n{"e": "y"}\n'),
        ("json", '[{"e": "y"}, {"E": "1", "e": "x"}]'),
    ],
)
def test_of_names_that_differ_only_in_case_the_very_one_is_renamed(project, kind, text):
    source(project, f'path: "in/$<PARTITION_DATE>.{kind}", rename: {{E: time}}')
    for day in ("02", "03"):
        project.write(f"in/2024-01-{day}.{kind}", text)
    days = ("--from", "2024-01-02", "--to", "2024-01-03")

    answers = project("extract", *days), project("extract", "--force", *days)

    assert [a.code for a in answers] == [0, 0], answers[0].err + answers[1].err
    query = "select e, time from raw.price where dt = '2024-01-03' order by e"
    assert project.rows(query) == [["x", "1"], ["y", None]]


def test_of_renamed_names_none_may_be_that_of_another(project):
    source(project, 'path: "in/$<PARTITION_DATE>.json", rename: {E: x}')
    project.write("in/2024-01-02.json", '{"e": "x", "E": "1", "x": 1}')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert "two columns are named `x`" in answer.err


def test_a_column_to_rename_must_be_there(project):
    source(project, 'path: "in/$<PARTITION_DATE>.csv", rename: {DT: trade_date}')

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert "in/2024-01-02.csv: there is no column `DT` to rename" in answer.err
    assert "fix `rename` of source `price`" in answer.err


def test_a_rename_is_no_loss_of_the_old_name(project):
    project("extract", "--dt", "2024-01-02")
    source(project, 'path: "in/$<PARTITION_DATE>.csv", rename: {close: price}')

    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err
    assert project.rows("select sum(price::int) from raw.price") == [[10]]


def test_a_new_column_lands_with_a_warning(project, caplog):
    project.write("in/2024-01-03.csv", "close,symbol,volume\n3,C,30\n")

    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err
    assert "in/2024-01-03.csv: new since the version before: volume" in caplog.text


def test_columns_may_be_lost_where_the_source_says_so(project):
    source(project, 'path: "in/$<PARTITION_DATE>.csv", drift: allow')
    project.write("in/2024-01-03.csv", "symbol,price\nC,3\n")

    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err


def test_years_before_a_column_came_can_be_landed_afterwards(project):
    """An earlier date is held against what is before it, or else counts as what came first."""
    project.write("in/2024-01-01.csv", "symbol\nA\n")
    project.write("in/2024-01-04.csv", "symbol\nA\n")
    project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    first = project("extract", "--dt", "2024-01-01")
    last = project("extract", "--dt", "2024-01-04")

    assert first.code == last.code == 4
    assert "lacks `close`, against the version landed before" in last.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a,b\n1,2\r\n3\n", "its lines end in different ways (LF, CR LF)"),
        (b"\na,b\n1,2\n", "the first line is blank"),
        (b"a\n" * 600_000 + "é".encode("latin-1"), "not utf-8: byte 0xe9 at 1200000"),
        ("a,中".encode() + b"\xff", "not utf-8: byte 0xff at 5"),
        (b"\xef\xbb\xbfa\xff", "not utf-8: byte 0xff at 4"),
        (b"a,b\xe4", "not utf-8: byte 0xe4 at 3"),
        (b"\x1f\x8b\x08\x00", "packed with gzip"),
    ],
)
def test_a_fault_of_csv_is_named(project, text, message):
    project.write("in/2024-01-02.csv", text)

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert message in answer.err
    assert "in/2024-01-02.csv" in answer.err


@pytest.mark.parametrize("kind", ["json", "parquet", "xlsx"])
def test_a_fault_names_the_source_and_no_path_of_scratch(project, kind):
    project.write(f"in/x.{kind}", b'{"a": 1}\n{"a": nope}\n')
    source(project, f"path: in/x.{kind}")

    answer = project("extract")

    assert answer.code == 4
    assert f"in/x.{kind}" in answer.err
    assert "_tmp" not in answer.err
    assert "landed." not in answer.err


def sheet(project, *rows, form=None):
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if form:
        book.active["A2"].number_format = form
    (project.root / "in").mkdir(exist_ok=True)
    book.save(project.root / "in/2024-01-02.xlsx")
    source(project, 'path: "in/$<PARTITION_DATE>.xlsx"')


def test_a_code_in_excel_keeps_its_zeros(project):
    sheet(project, ["code", "close"], [1, 7], form="000000")

    assert project("extract", "--dt", "2024-01-02").code == 0
    assert project.rows("select code, close from raw.price") == [["000001", "7"]]


def test_a_formula_of_excel_without_its_value_is_refused(project):
    sheet(project, ["a", "b"], [1, "=A2*2"])

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert (
        "in/2024-01-02.xlsx: source `price`: cell B2 is a formula whose value is not" in answer.err
    )


def test_a_file_that_is_the_same_is_not_copied(project, monkeypatch):
    """Its bytes are read once, and nothing is written."""
    import shutil

    project("extract", "--dt", "2024-01-02")
    monkeypatch.setattr(shutil, "copyfile", lambda *_: pytest.fail("it was copied"))

    answer = project("extract", "--dt", "2024-01-02", "-o", "json")

    assert answer.statuses() == {"raw.price 2024-01-02": "fresh"}
    assert answer.json["steps"][0]["row_count"] == 2


def test_json_without_a_row_has_the_columns_of_the_day_before(project):
    source(project, 'path: "in/$<PARTITION_DATE>.json"')
    project.write("in/2024-01-02.json", '[{"a": 1, "b": "x"}]')
    project.write("in/2024-01-03.json", "[]")

    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err
    assert [c["name"] for c in project.manifest("raw.price", "2024-01-03")["schema"]] == ["a", "b"]
    assert project.rows("select a, b from raw.price") == [[1, "x"]]


@pytest.mark.parametrize("text", ["", "[]"])
def test_json_without_a_row_adds_no_column_to_later_dates(project, text):
    source(project, 'path: "in/$<PARTITION_DATE>.json"')
    project.write("in/2024-01-02.json", text)
    project.write("in/2024-01-03.json", '{"a": 1}')

    assert project("extract", "--dt", "2024-01-02").code == 0
    assert project.rows("select * exclude (dt) from raw.price") == []
    assert project("extract", "--dt", "2024-01-03").code == 0
    assert project.rows("from raw.price") == [[1, "2024-01-03"]]


def test_rows_without_a_field_say_nothing_of_columns(project):
    source(project, 'path: "in/$<PARTITION_DATE>.json"')
    for day, text in (("02", "{}\n{}"), ("03", '{"a": 1}'), ("04", "[1, 2]")):
        project.write(f"in/2024-01-{day}.json", text)

    answer = project("extract", "--from", "2024-01-02", "--to", "2024-01-03")
    other = project("extract", "--dt", "2024-01-04")

    assert answer.code == 0, answer.err
    rows = project.rows("select a, dt::varchar from raw.price order by dt")
    assert rows == [[None, "2024-01-02"], [None, "2024-01-02"], [1, "2024-01-03"]]
    assert (other.code, "lacks `a`; has new `json`" in other.err) == (4, True)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('{"d": "2024-01-02", "t": "2024-01-02T10:00:00"}', ["DATE", "TIMESTAMP"]),
        ('{"d": "01/02/2024", "t": "2024-01-02 10:00:00.123456789"}', ["VARCHAR", "VARCHAR"]),
        ('{"d": null, "t": [{"u": "2024-01-02"}]}', ["JSON", "STRUCT(u VARCHAR)[]"]),
        (
            '{"d": "2024-01-02"}\n{"t": "2024-01-02T10:00:00Z"}',
            ["DATE", "TIMESTAMP WITH TIME ZONE"],
        ),
        ('{"d": {}, "t": 18446744073709551615}', ["MAP(VARCHAR, JSON)", "HUGEINT"]),
        ('{"d": 1, "t": 2}\n{"d": "x", "t": 2.5}', ["VARCHAR", "DOUBLE"]),
    ],
)
def test_types_of_json_hold_for_every_row(project, text, types):
    source(project, "path: in/x.json")
    project.write("in/x.json", text)

    answer = project("extract")

    assert answer.code == 0, answer.err
    assert [c["type"] for c in project.manifest("raw.price")["schema"]] == types


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"": 1, "a": 2}', "in/x.json: a value has no name"),
        (
            '{"s": {"a": 1, "A": 2}}',
            'in/x.json: Duplicate name "A" in struct auto-detected in JSON',
        ),
        ('{"a": 1, "a": 2}', 'has duplicate key "a"'),
        ('{"a": 1}\n{"a":', "in/x.json: Malformed JSON in the file"),
    ],
)
def test_json_that_no_table_can_hold_is_refused(project, text, message):
    source(project, "path: in/x.json")
    project.write("in/x.json", text)

    answer = project("extract")

    assert answer.code == 4
    assert message in answer.err
    assert "ignore_errors" not in answer.err
    assert "_tmp" not in answer.err
