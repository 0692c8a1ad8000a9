"""Sessions of one instance: what a step leaves behind in it."""

from __future__ import annotations

from nomad.engine.duck import Engine, Settings
from nomad.manifest import Column


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
