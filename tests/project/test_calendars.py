"""Which calendars a table goes by."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nomad.config.calendars import Calendar, Of
from nomad.config.sources import SourceConfig
from nomad.names import TableName
from nomad.project.calendars import Calendars

DAYS, OTHER = Calendar(Of.FILE, "days.csv"), Calendar(Of.FILE, "other.csv")


def name(text):
    return TableName.parse(text)


def table(*inputs, calendar=None):
    contract = SimpleNamespace(calendar=calendar) if calendar else None
    return SimpleNamespace(inputs=tuple(map(name, inputs)), contract=contract)


def calendars(tables, *, sources=None, of_project=None, reads=()):
    options = {n: {"calendar": c} if c else {} for n, c in (sources or {}).items()}
    config = SimpleNamespace(
        calendar=of_project,
        sources={n: SourceConfig(n, "file", o, "x") for n, o in options.items()},
    )
    project = SimpleNamespace(
        tables={name(n): t for n, t in tables.items()}, partitioned=lambda n: n.name != "full"
    )
    return Calendars(config, lambda: project, lambda _: frozenset(map(name, reads)))


def test_a_chain_of_any_length_goes_by_its_source():
    """No table asks another one that asks another one."""
    deep = {f"ods.t{n}": table(f"ods.t{n - 1}" if n else "raw.s") for n in range(5000)}

    assert calendars(deep, sources={"s": "days.csv"}).of(name("ods.t4999")) == {DAYS}


def test_a_diamond_goes_by_both_of_its_sources():
    tables = {
        "ods.a": table("raw.a"),
        "ods.b": table("raw.b", "ods.a"),
        "dwd.c": table("ods.a", "ods.b", "dwd.c"),
    }
    found = calendars(tables, sources={"a": "days.csv", "b": "other.csv"})

    assert found.of(name("dwd.c")) == {DAYS, OTHER}
    assert found.of(name("ods.a")) == {DAYS}


@pytest.mark.parametrize("inputs", [(), ("ods.full",)])
def test_a_table_without_an_input_by_date_goes_by_the_project_s(inputs):
    tables = {"dwd.x": table(*inputs), "ods.full": table()}

    assert calendars(tables, of_project=DAYS).of(name("dwd.x")) == {DAYS}


def test_what_a_calendar_is_made_of_goes_by_every_other_one():
    """It is itself what is never subject to it, not to those that others are."""
    days = Calendar(Of.TABLE, "dim.days")
    tables = {"dim.days": table("raw.cal"), "ods.x": table("raw.s"), "ods.y": table("dim.days")}
    found = calendars(
        tables, sources={"cal": "other.csv", "s": None}, of_project=days, reads=["dim.days"]
    )

    assert found.of(name("dim.days")) == {OTHER}
    assert found.of(name("raw.cal")) == {OTHER}
    assert found.of(name("ods.x")) == {days}
    assert found.of(name("ods.y")) == {OTHER}
