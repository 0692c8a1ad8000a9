"""Connector `file`: encoding and delimiter told from the file, or refused with what to write."""

from __future__ import annotations

import gzip

import pytest
from test_file import asked, fault, landed, write

from conftest import Project
from nomad.errors import Refused
from nomad.extract import delimiters, encodings
from nomad.extract.connectors.file import CONNECTOR

CHINESE = "日期,股票代码,开盘,收盘,最高,最低\n2024-01-02,平安银行,9.1,9.2,万科企业,深圳\n"
WESTERN = "name,city\nBjörn Müller,Köln\nJürgen Groß,Düsseldorf\n"
FRENCH = "nom,ville\nHélène Lefèvre,Nîmes\nZoë Çelik,Besançon\n"
POLISH = "imię,miasto\nŁukasz Wójcik,Łódź\nGrażyna Śliwa,Kraków\n"
RUSSIAN = "имя,город\nОльга Иванова,Москва\nПётр Щукин,Санкт-Петербург\n"


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        (CHINESE, "gbk", "gb18030"),
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-16"),
        ("名稱,城市\n臺灣積體電路,新竹市\n鴻海精密,臺北市\n", "big5", "big5"),
        ("名前,町\nひろし,とうきょう\n", "shift_jis", "shift_jis"),
        ("名前,町\nひろしくん,とうきょう\n", "euc_jp", "euc_jp"),
        (WESTERN, "cp1252", "cp1252"),
        (FRENCH, "cp1252", "cp1252"),
        (POLISH, "cp1250", "cp1250"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8_r"),
        ("ad,şehir\nGülşen Işık,Eskişehir\nÇağla Öz,İzmir\n", "cp1254", "cp1254"),
        ("a,b\n1,2\n", "ascii", "utf-8"),
    ],
)
def test_an_encoding_is_told(tmp_path, text, encoding, told):
    write(tmp_path, "x.csv", text.encode(encoding))

    (file,) = landed(tmp_path, "x.csv", encoding="auto")

    assert file.path.read_text(encoding="utf-8") == text
    assert file.detected == {"encoding": told}
    header = CONNECTOR.header(asked(tmp_path, "x.csv", encoding="auto").source, tmp_path)
    assert [c.name for c in header] == text.split("\n", 1)[0].split(",")


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        ("a,b\nChloè,1\n".encode("cp1252"), "it may be cp1252 or cp1250", "`encoding: cp1252`"),
        (
            "이름,도시\n김철수,서울\n".encode("cp949"),
            "gb18030 or big5 or cp949 or euc_jp",
            "gb18030`",
        ),
        ("code,name\n1,中\n".encode("big5"), "it may be big5 or euc_jp", "`encoding: big5`"),
        (b"a,b\n\xff\xfe\xfd\x81,1\n", "it is none of those that are told apart", "`encoding: "),
        ("a,b\n1,2\n".encode("utf-16-le"), "it is none of those", "`encoding: utf-16-le`"),
    ],
)
def test_an_encoding_that_can_t_be_told_is_refused(tmp_path, data, what, hint):
    write(tmp_path, "x.csv", data)

    error = fault(Refused, tmp_path, "x.csv", encoding="auto")

    assert what in error.what
    assert hint in error.hint


def test_what_is_odd_late_in_a_long_file_counts(tmp_path):
    rows = "a,b\n" + "1,2\n" * 600_000
    write(tmp_path, "x.csv", (rows + "平安银行股份有限公司,深圳\n").encode("gbk"))
    write(
        tmp_path, "y.csv", (rows + "深圳\n").encode() + "深圳市平安银行有限公司,1\n".encode("gbk")
    )

    assert landed(tmp_path, "x.csv", encoding="auto")[0].detected == {"encoding": "gb18030"}
    assert "can't be told" in fault(Refused, tmp_path, "y.csv", encoding="auto").what


def test_no_sign_of_big5_is_told_as_another_by_itself():
    pairs = (bytes((lead, trail)) for lead in range(0xA4, 0xC6) for trail in range(0xA1, 0xFF))
    told = {encodings.of_bytes(b"1," + pair + b"\n").encodings for pair in pairs}

    assert {t for t in told if len(t) == 1} <= {("big5",)}


def test_many_signs_of_korean_are_not_taken_for_chinese():
    korean = bytes(b for sign in range(60) for b in (0xB0 + sign % 25, 0xA1 + sign))

    assert encodings.of_bytes(korean).encodings == ("cp949",)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (b"a;b\n1,5;2\n", ";"),
        (b"a\tb\n1\t2\n", "\t"),
        (b"a|b\n1|2\n", "|"),
        (b"a,b\n1,2\n", ","),
        (b"a\n1\n", ","),
        (b'a;b\n"1;5";2\n\n', ";"),
        (b'a;b\n"1\n,;2";2\n', ";"),
    ],
)
def test_a_delimiter_is_told(tmp_path, text, mark):
    write(tmp_path, "x.csv", text)

    (file,) = landed(tmp_path, "x.csv", delimiter="auto")

    assert file.dialect == ({} if mark == "," else {"delim": mark})
    assert file.detected == {"delimiter": mark}


def test_a_delimiter_that_can_t_be_told_is_refused(tmp_path):
    write(tmp_path, "x.csv", b"a,b;c\n1,2;3\n")
    write(tmp_path, "y.csv", b"a,b\n1,2,3\n")

    two = fault(Refused, tmp_path, "x.csv", delimiter="auto")
    none = fault(Refused, tmp_path, "y.csv", delimiter="auto")

    assert two.what == "source `s`: its delimiter can't be told: it may be ',' or ';'"
    assert two.hint == "write which: `delimiter: ','` of the source, say"
    assert "by none have all lines as many fields" in none.what


def test_a_long_file_is_tried_by_its_beginning():
    lines = ["a;b\n"] + ["1;2\n"] * 198 + ['"3']

    assert delimiters.of_lines(lines) == (";",)


def test_files_of_one_date_that_are_cut_otherwise_are_refused(tmp_path):
    write(tmp_path, "in/a.csv", b"a,b\n1,2\n")
    write(tmp_path, "in/b.csv", b"a;b\n1;2\n")

    error = fault(Refused, tmp_path, "in/*.csv", delimiter="auto")

    assert (error.where, error.what) == (
        "in/b.csv",
        "source `s`: it is cut by ';', against in/a.csv",
    )


def test_by_file_each_is_told_by_itself_and_none_grows(tmp_path):
    write(tmp_path, "in/a.csv", b"a;b\n1;2\n")
    options = {"each": "file", "delimiter": "auto"}
    known = {f.part: f.state for f in landed(tmp_path, "in/*.csv", **options)}
    write(tmp_path, "in/a.csv", b"a;b\n1;2\n3;4\n")

    (file,) = landed(tmp_path, "in/*.csv", **options, known=known)

    assert (file.appended, file.dialect) == (False, {"delim": ";"})


def test_files_of_a_date_land_together_and_the_manifest_says_what_was_found(tmp_path):
    project = Project(tmp_path)
    options = 'path: "in/*_$<PARTITION_DATE>.csv*", format: csv, encoding: auto, delimiter: auto'
    project.write("nomad.yaml", f"sources:\n  s: {{connector: file, {options}}}\n")
    write(tmp_path, "in/深_2024-01-02.csv", "名称;值\n平安银行股份有限公司;1\n".encode("gbk"))
    write(tmp_path, "in/沪_2024-01-02.csv.gz", gzip.compress("名称;值\n浦发;2\n".encode()))

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    manifest = project.manifest("raw.s", "2024-01-02")
    assert manifest["detected"] == {"encoding": "utf-8 and gb18030", "delimiter": ";"}
    assert len(manifest["files"]) == 2
    assert project.rows("select 名称, 值 from raw.s order by 值") == [
        ["平安银行股份有限公司", "1"],
        ["浦发", "2"],
    ]
    assert project("extract", "--dt", "2024-01-02", "-o", "json").statuses() == {
        "raw.s 2024-01-02": "fresh"
    }
