"""Cutting many pieces: what each of them has is looked at with all, and not with each other one."""

from __future__ import annotations

import pytest

from nomad.engine import scan
from nomad.engine.scan import Files
from nomad.extract import cut
from nomad.extract.cut import Rule, Some
from nomad.schema import Column

COUNT = 40


class Described:
    """A session that knows what a SELECT over them all has."""

    def describe(self, _query):
        return (Column("v", "DOUBLE"), Column("code", "VARCHAR"))


def piece(number: int) -> Files:
    kind = "JSON" if number % 3 else "DOUBLE"
    return Files((f"/{number}.json",), (Column("v", kind), Column("code", "VARCHAR")))


@pytest.fixture
def looked_at(monkeypatch):
    """How many groups each SELECT was made of."""
    counts = []
    select = scan.select

    def counting(groups, **how):
        counts.append(len(groups))
        return select(groups, **how)

    monkeypatch.setattr(scan, "select", counting)
    return counts


def test_many_pieces_cost_each_the_same(looked_at):
    pieces = {n: Some(piece(n)) for n in range(COUNT)}
    found = cut.rows(Described(), pieces, Rule("s"), [p.files for p in pieces.values()])

    assert found.select.count("read_json") == COUNT
    assert sum(looked_at) <= 4 * COUNT


def test_a_column_without_a_value_has_the_type_of_the_others():
    pieces = {n: Some(piece(n)) for n in range(2)}
    found = cut.rows(Described(), pieces, Rule("s"), [p.files for p in pieces.values()])

    assert 'TRY_CAST("v" AS DOUBLE)' in found.select
