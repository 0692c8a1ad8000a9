"""Sessions of one instance: what a step leaves behind in it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from nomad.engine import instance
from nomad.engine.instance import Engine, Settings
from nomad.errors import QueryFailed
from nomad.schema import Column

KEYED = "create table t as select 1 as a, 'x' as b"


def test_a_step_leaves_nothing_of_its_files_in_memory(tmp_path):
    """A long run would grow by what is kept of each; the system keeps what it reads of a disk."""
    engine = Engine(Settings(scratch=tmp_path))
    for n in range(5):
        with engine.session() as session:
            staged = session.stage("SELECT 1 AS i", (Column("i", "INTEGER"),), tmp_path / f"{n}")
            assert staged.rows == 1
    with engine.session() as session:
        kept = session.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()")
    engine.close()

    assert kept == [(0,)]


@pytest.mark.parametrize(
    "statements",
    [
        ["create table t as select 1 as a", "select error('no')"],
        [KEYED, "create table p as pivot t on b using sum(error('no'))"],
        [KEYED, "create table p as pivot t on b using sum(nothing_of_the_kind)"],
        ["begin", "create table t (a int)"],
    ],
)
def test_a_session_takes_its_database_along_whatever_went_wrong(tmp_path, statements):
    engine = Engine(Settings(scratch=tmp_path))
    with engine.session() as session:
        for statement in statements:
            with suppress(QueryFailed):
                session.execute(statement)
    with engine.session() as session:
        left = session.execute("SELECT count(*) FROM duckdb_databases() WHERE NOT internal")
        assert session.execute("SELECT 1") == [(1,)]
    engine.close()

    assert left == [(2,)]  # the instance's own, and that of the session that asks


def test_an_interrupt_while_a_database_is_set_up_is_one(monkeypatch, tmp_path):
    """DuckDB raises a RuntimeError of its own then."""

    def interrupted(*_):
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(instance, "_lock", interrupted)

    with pytest.raises(KeyboardInterrupt), instance.database(str(tmp_path / "x.duckdb")):
        pass
