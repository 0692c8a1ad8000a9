"""A file that didn't fit into memory is measured once more, and lands as it would have."""

from __future__ import annotations

import duckdb
import pytest

from nomad.errors import OutOfMemory
from nomad.extract import measure

DAY = ("--dt", "2024-01-02")
QUERY = "select 1 as id, 7 as price"


@pytest.fixture(params=["json", "parquet", "csv"])
def project(request, empty):
    """A file in which two names are exchanged."""
    kind = request.param
    empty.write(
        "nomad.yaml",
        f"sources:\n  s: {{connector: file, path: $<PARTITION_DATE>.{kind},"
        " rename: {id: price, price: id}}\n",
    )
    with duckdb.connect() as con:
        con.execute(f"copy ({QUERY}) to '{empty.root}/2024-01-02.{kind}'")
    return empty


def test_columns_that_exchange_their_names_do_so_once(project, monkeypatch):
    count, tries = measure._rows, []

    def full_once(*words):
        tries.append(1)
        if len(tries) == 1:
            raise OutOfMemory("out of memory")
        return count(*words)

    monkeypatch.setattr(measure, "_rows", full_once)

    answer = project("extract", *DAY)

    assert (answer.code, len(tries)) == (0, 2), answer.err
    assert project.rows("select id::int, price::int from raw.s") == [[7, 1]]
