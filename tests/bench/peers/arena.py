"""All tools on one workload in turn, each in a project of its own that is made anew each round.

Those of earlier rounds stay until the end: to delete them would disturb what is measured next.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from cases import median
from measure import Cost, Failed, measure
from workload import Workload

from peers.tool import AGAIN, FULL, Command, Tool

LIMIT, LONG = 600, 60
"""Seconds after which a command is broken off; and from which on it is measured once."""


@dataclass(frozen=True)
class Scenario:
    """A kind of run of one workload; `held` are days built before, `days` those to build."""

    title: str
    work: Workload
    kind: str
    held: tuple[str, ...] = ()
    days: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """What a tool took for a scenario, or why it has no figure."""

    cost: Cost | None
    note: str = ""


Bins = Mapping[str, Path]
"""Where each tool's commands are."""


@dataclass
class _Lane:
    """One tool in one scenario: what it took so far, or why it is out."""

    tool: Tool
    bins: Path
    out: str | None
    costs: list[Cost] = field(default_factory=list)

    @property
    def going(self) -> bool:
        """Whether it is to be measured once more."""
        return self.out is None and all(c.wall <= LONG for c in self.costs)

    def score(self, kind: str) -> Score:
        """Sum up."""
        if self.out:
            return Score(None, self.out)
        return Score(median(self.costs), self.tool.notes.get(kind, ""))


def compete(
    root: Path, scenario: Scenario, tools: Sequence[Tool], bins: Bins, rounds: int
) -> dict[str, Score]:
    """Measure all tools in turn, the first one's rows being what the others' are counted by."""
    kind = scenario.kind
    lanes = [_Lane(t, bins[t.name], t.cannot.get(kind)) for t in tools]
    expected: dict[str, int] = {}
    for n in range(rounds):
        for lane in lanes:
            if lane.going:
                print(f"  {scenario.title}: {lane.tool.name}", file=sys.stderr)
                folder = root / f"{lane.tool.name}-{n}"
                expected = _round(folder, scenario, lane, expected) or expected
    return {lane.tool.name: lane.score(kind) for lane in lanes}


def _round(
    folder: Path, scenario: Scenario, lane: _Lane, expected: Mapping[str, int]
) -> dict[str, int]:
    """Measure one tool once; the first time, count its rows and give their number."""
    try:
        lane.costs.append(_turn(folder, scenario, lane.tool, lane.bins))
        if len(lane.costs) > 1:
            return {}
        found = _counts(folder, scenario, lane.tool)
        _hold(found, expected)
    except Failed as e:
        lane.out = str(e).splitlines()[0]
        print(f"    {e}", file=sys.stderr)
        return {}
    return found


def _turn(folder: Path, scenario: Scenario, tool: Tool, bins: Path) -> Cost:
    """Make the project, do what comes before, and measure what counts."""
    tool.write(folder, scenario.work, scenario.kind, (*scenario.held, *scenario.days))
    command = tool.command(scenario.kind, scenario.days)
    if scenario.kind == AGAIN:
        _run(folder, tool.command(FULL, ()), bins)
    elif before := tool.before(scenario.kind, scenario.held):
        _run(folder, before, bins)
    return _run(folder, command, bins)


def _run(folder: Path, command: Command, bins: Path) -> Cost:
    path = {"PATH": f"{bins}:{os.environ['PATH']}", "NO_COLOR": "1"}
    return measure(*command.words, cwd=folder, more={**path, **command.more}, limit=LIMIT)


def _counts(folder: Path, scenario: Scenario, tool: Tool) -> dict[str, int]:
    """Count the rows of every table, of the days that were built."""
    found = dict(_counted(folder, scenario, tool))
    print(f"    {len(found)} tables, {sum(found.values()):,} rows", file=sys.stderr)
    return found


def _counted(folder: Path, scenario: Scenario, tool: Tool) -> Iterator[tuple[str, int]]:
    days = ", ".join(f"DATE '{day}'" for day in scenario.days)
    where = f" WHERE dt IN ({days})" if days else ""
    with duckdb.connect() as con:
        for m in scenario.work.models:
            try:
                relation = tool.rows(con, folder, scenario.work, m.name)
                row = con.execute(f"SELECT count(*) FROM {relation}{where}").fetchone()
            except (duckdb.Error, LookupError) as e:
                raise Failed(f"exit 0, but `{m.name}` can't be read\n{e}") from e
            assert row
            yield m.name, row[0]


def _hold(found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    wrong = [name for name in expected if found[name] != expected[name]]
    if wrong:
        name = wrong[0]
        raise Failed(
            f"exit 0 with wrong rows: `{name}` has {found[name]:,} of {expected[name]:,}"
            f" ({len(wrong)} of {len(expected)} tables are wrong)"
        )
