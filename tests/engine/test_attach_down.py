"""A database that is down takes down what reads it, by name, and nothing else."""

from __future__ import annotations

import pytest

from nomad.engine import instance

ATTACH = "attach: {shop: gone.duckdb, till: 'postgres:host=127.0.0.1 port=1 dbname=x'}\n"


@pytest.fixture
def down(project):
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + ATTACH)
    project.write("sql/ods/ods_shop.sql", "select * from shop.orders")
    project.write("sql/dwd/dwd_shop.sql", "select * from ods.ods_shop")
    return project


def test_extract_needs_no_attached_database(down, caplog):
    answer = down("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert "no catalog of nomad's" not in caplog.text


def test_a_run_builds_what_does_not_read_it(down):
    down("extract", "--dt", "2024-01-02")

    answer = down("run", "--dt", "2024-01-02", "-o", "json")

    assert answer.code == 3, answer.err
    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "published",
        "dwd.dwd_price 2024-01-02": "published",
        "dws.dws_price": "published",
        "ods.ods_shop": "failed",
        "dwd.dwd_shop": "blocked",
    }
    assert "database `shop` can't be attached" in answer.err
    assert "till" not in answer.err


def test_a_question_that_does_not_name_it_is_answered(down):
    assert down.rows("select 1") == [[1]]

    answer = down("sql", "select * from shop.orders")

    assert answer.code == 3
    assert "database `shop` can't be attached" in answer.err


@pytest.fixture
def asked(monkeypatch):
    """The databases that anybody tried to attach."""
    names: list[str] = []
    attach = instance.attach

    def noted(con, name, address, pending):
        names.append(name)
        attach(con, name, address, pending)

    monkeypatch.setattr(instance, "attach", noted)
    return names


def test_a_database_is_asked_by_what_names_it_alone(down, asked):
    """Where nothing is chosen that reads it, nobody waits for it: it may be slow, or down."""
    down.write("sql/checks/dwd_price__sold.sql", "select 1 as a from till.sales limit 0")
    day = ("--dt", "2024-01-02")
    for words in (
        ("extract", *day),
        ("plan", "ods_price", *day),
        ("run", "ods_price", *day),
        ("sql", "select count(*) from ods.ods_price"),
        ("catalog", "refresh"),
        ("show", "ods_price"),
        ("doctor",),
    ):
        answer = down(*words)
        assert answer.code == 0, (words, answer.err)
    assert asked == []

    assert down("run", "dwd_price", *day).code == 3
    assert set(asked) == {"till"}
    assert down("sql", 'from "SHOP".orders').code == 3
    assert set(asked) == {"till", "shop"}
