"""`nomad extract` and connector `file`."""

from __future__ import annotations

import functools
import http.server
import threading

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
    assert not (project.lake / "raw").exists()


def test_another_delimiter_is_remembered_for_reading(project):
    source(project, 'path: "in/$<PARTITION_DATE>.csv", delimiter: ";"')
    project.write("in/2024-01-02.csv", "a;b\n1;2,5\n")
    project("extract", "--dt", "2024-01-02")

    assert project.rows("select a, b from raw.price") == [["1", "2,5"]]


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
    source(project, 'path: "in/$<PARTITION_DATE>.parquet"')
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
    source(project, 'path: "http://127.0.0.1:9/$<PARTITION_DATE>.csv"')

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
    assert "did you mean `file`?" in connector.err
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
        source(project, f'path: "http://127.0.0.1:{server.server_port}/$<PARTITION_DATE>.csv"')
        answer = project("extract", "--dt", "2024-01-02")
        thread.join()

    assert answer.code == 3
    assert "12 of 5000 bytes came" in answer.err
    assert not (project.lake / "raw").exists()


@pytest.mark.parametrize(
    ("file", "content", "options", "code"),
    [
        ("x.csv", b"a,b\n", 'path: x.csv, delimiter: "||"', 2),
        ("x.csv", b"a,b\n", 'path: x.csv, delimiter: ""', 2),
        ("x.csv", "a,b\n".encode("utf-16-le"), "path: x.csv, encoding: utf-16", 4),
        ("x.xlsx", b"no zip", "path: x.xlsx", 4),
        ("x.csv", b"h" * 200_000 + b"\n1\n", "path: x.csv", 4),
        ("x.csv", b"", 'path: "http://127.0.0.1:1/a b.csv"', 3),
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
