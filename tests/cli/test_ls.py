"""`nomad ls` and the words that select tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def names(project, *words):
    return [t["name"] for t in project("ls", *words, "-o", "json").json["tables"]]


def test_ls_prints_the_promised_json(project):
    answer = project("ls", "dwd_price", "--output", "json")

    assert answer.json == {
        "version": 1,
        "tables": [
            {
                "name": "dwd.dwd_price",
                "layer": "dwd",
                "path": "sql/dwd/dwd_price.sql",
                "partitioned": True,
                "inputs": ["ods.ods_price"],
                "description": "Prices above zero.",
                "full_scans": [],
            }
        ],
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["ods.ods_price", "dwd.dwd_price", "dws.dws_price"]),
        (("dwd",), ["dwd.dwd_price"]),
        (("dwd/",), ["dwd.dwd_price"]),
        (("sql/dwd/dwd_price.sql",), ["dwd.dwd_price"]),
        (("DWD.dwd_Price",), ["dwd.dwd_price"]),
        (("dw?_*",), ["dwd.dwd_price", "dws.dws_price"]),
        (("+dwd_price",), ["ods.ods_price", "dwd.dwd_price"]),
        (("dwd_price+",), ["dwd.dwd_price", "dws.dws_price"]),
        (("1+dws_price",), ["dwd.dwd_price", "dws.dws_price"]),
        (("ods_price+1",), ["ods.ods_price", "dwd.dwd_price"]),
        (("ods", "dws"), ["ods.ods_price", "dws.dws_price"]),
        (("ods dws",), ["ods.ods_price", "dws.dws_price"]),
        (("+dws_price,dw*",), ["dwd.dwd_price", "dws.dws_price"]),
        (("--select", "dwd"), ["dwd.dwd_price"]),
        (("--exclude", "ods"), ["dwd.dwd_price", "dws.dws_price"]),
    ],
)
def test_selection(project, words, expected):
    assert names(project, *words) == expected


def test_a_listing_as_csv(project):
    answer = project("ls", "ods", "--output", "csv")

    assert answer.out.splitlines()[1] == (
        "ods.ods_price,ods,sql/ods/ods_price.sql,true,raw.price,Prices as delivered."
    )


def test_a_closed_pipe_is_no_error(project):
    import subprocess
    import sys

    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m nomad ls | head -n 1"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_an_answer_that_has_no_room_is_told(project, output):
    with Path("/dev/full").open("w") as full:
        done = project.process("ls", "-o", output, stdout=full)

    assert done.returncode == 1
    assert done.stderr == "nomad: the answer can't be written: No space left on device\n"


def test_without_an_output_a_command_does_its_work(project):
    done = project.process("ls", stdout=None, preexec_fn=lambda: os.close(1))

    assert done.returncode == 0, done.stderr
