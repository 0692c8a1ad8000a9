"""What a query reads is resolved once, by the same rules for whoever asks."""

from __future__ import annotations

import shutil

from nomad.plan.pruning import Pruner

WINDOW = """\
select count(*) as n from ods.ods_price
where dt between cast('$<PARTITION_DATE>' as date) - 1 and '$<PARTITION_DATE>'
"""
DAY = "2024-01-03"


def test_a_check_reads_what_a_table_of_the_same_text_reads(built):
    built.write("sql/dws/dws_window.sql", WINDOW)
    built.write("sql/checks/dwd_price__counted.sql", f"select * from ({WINDOW}) where n < 1")

    assert built("run", "--dt", DAY).code == 0

    table, checked = (built.manifest(name, DAY) for name in ("dws.dws_window", "dwd.dwd_price"))
    assert table["inputs"][0]["partitions"] == {"from": "2024-01-02", "to": DAY, "count": 2}
    assert table["inputs"][0] in checked["inputs"]


def test_a_run_asks_the_optimizer_nothing_that_its_plan_has_asked(built, monkeypatch):
    asked, real = [], Pruner._ask
    monkeypatch.setattr(Pruner, "_ask", lambda *words: asked.append(1) or real(*words))
    built.write("sql/dws/dws_window.sql", WINDOW)

    def asks(*command: str) -> int:
        shutil.rmtree(built.root / ".nomad")
        asked.clear()
        assert built(*command, "--dt", DAY).code == 0
        return len(asked)

    planned = asks("plan")

    assert 0 < asks("run") <= planned
