"""Who computes beside whom: small steps side by side, a large one by itself."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError

from nomad.engine.instance import Engine, Session, Settings
from nomad.run import worker
from nomad.run.gate import Gate


def together(gate: Gate, *wholes: bool) -> bool:
    """Tell whether steps are at work at the same time."""
    meeting = Barrier(len(wholes))

    def act(whole: bool) -> bool:
        with gate.slot(whole=whole):
            try:
                meeting.wait(timeout=0.5)
            except BrokenBarrierError:
                return False
        return True

    with ThreadPoolExecutor(len(wholes)) as pool:
        return all(pool.map(act, wholes))


def test_two_small_steps_compute_side_by_side_and_a_large_one_alone():
    gate = Gate(2, Engine(Settings()))

    assert together(gate, False, False)
    assert not together(gate, True, False)
    assert not together(gate, True, True)
    assert not together(gate, False, False, False)


def test_a_large_step_has_all_threads_and_small_ones_one_each():
    engine = Engine(Settings(threads=3))
    gate = Gate(2, engine)
    asked = "select current_setting('external_threads'), current_setting('threads')"

    for whole, own in ((False, 2), (True, 1), (False, 2)):
        with gate.slot(whole=whole), engine.session() as session:
            assert session.execute(asked) == [(own, 3)]


def test_a_step_that_reads_much_is_given_the_whole(built, monkeypatch):
    taken = []
    real = Gate.slot

    def noted(self, *, whole):
        taken.append(whole)
        return real(self, whole=whole)

    monkeypatch.setattr(Gate, "slot", noted)
    assert built("run", "--force", "--dt", "2024-01-02").code == 0
    assert not any(taken)

    taken.clear()
    monkeypatch.setattr(worker, "_LARGE", 1)
    assert built("run", "--force", "--dt", "2024-01-02").code == 0
    assert all(taken)


def test_a_step_s_seconds_are_its_own(empty):
    """Of three at a time where one computes: what they waited for each other is told apart."""
    empty.write("nomad.yaml", "layers: [ods]\nnaming: free\nengine: {jobs: 1}\n")
    for name in "abc":
        empty.write(f"sql/ods/{name}.sql", "select max(md5(i::text)) as a from range(600000) t(i)")
    began = time.monotonic()

    assert empty("run").code == 0

    passed = time.monotonic() - began
    told = empty.rows("select seconds, waited from nomad.tasks order by waited")
    assert sum(seconds for seconds, _ in told) < passed
    assert told[-1][1] > 0.5 * told[0][0]


def test_a_pivot_looks_for_its_columns_in_its_turn(built, monkeypatch):
    """Binding it reads rows; all else is bound before."""
    came, take, describe = [], Gate.slot, Session.describe

    @contextmanager
    def taken(self, *, whole):
        with take(self, whole=whole):
            came.append("slot")
            yield

    def described(self, query, **words):
        came.append("columns")
        return describe(self, query, **words)

    monkeypatch.setattr(Gate, "slot", taken)
    monkeypatch.setattr(Session, "describe", described)
    prices = "select symbol, close from ods.ods_price"
    built.write("sql/dws/dws_wide.sql", f"pivot ({prices}) on symbol using sum(close)")
    built.write("sql/dws/dws_long.sql", prices)

    for table, first in (("dws_wide", "slot"), ("dws_long", "columns")):
        came.clear()
        assert built("run", table).code == 0
        assert set(came[:1]) == {first}
        assert set(came) == {"slot", "columns"}


def test_a_lean_session_waits_for_a_file_that_is_open_and_interrupts_pass_it_over(tmp_path):
    engine = Engine(Settings(allowed=(tmp_path,)))
    order = []

    def lean() -> None:
        with engine.session(lean=True):
            order.append("lean")

    with ThreadPoolExecutor(1) as pool:
        with engine.attached(str(tmp_path / "catalog.duckdb")) as session:
            waiting = pool.submit(lean)
            for _ in range(5):
                engine.interrupt()
                rows = session.execute("select count(*) from range(30_000_000)")
                assert rows == [(30_000_000,)]
            order.append("file")
        waiting.result()

    assert order == ["file", "lean"]
