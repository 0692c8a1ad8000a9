"""One case: nomad beside its floor, in turn, several times; and the line it becomes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from measure import Cost, measure

Words = Callable[[int], tuple[str, ...]]
"""A command, as it is for the n-th round."""


def nothing() -> None:
    """Do nothing, where nothing is to be prepared or checked."""


@dataclass(frozen=True)
class Case:
    """What is measured, the ratio to the floor not to exceed, how it is set up and checked.

    `prepare` comes before each round; `check` once, after the round that warms up. What is short,
    or has little to spare, is measured so many `times` as often.
    """

    title: str
    target: float
    ours: Words
    floor: Words
    project: Path
    aside: Path
    prepare: Callable[[], None] = nothing
    check: Callable[[], None] = nothing
    more: tuple[tuple[str, str], ...] = ()
    times: int = 1


@dataclass(frozen=True)
class Line:
    """One line of the table: costs (the floor's may be absent), and a figure with its target."""

    title: str
    floor: Cost | None
    ours: Cost
    figure: float
    target: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its target."""
        return self.figure <= self.target


def line(case: Case, rounds: int) -> Line:
    """Measure a case: a round to warm up, then pairs; the median of their ratios counts."""
    pairs: list[tuple[Cost, Cost]] = []
    for n in range(rounds * case.times + 1):
        case.prepare()
        floor = measure(*case.floor(n), cwd=case.aside)
        ours = measure(*case.ours(n), cwd=case.project, more=dict(case.more))
        if n:
            pairs.append((floor, ours))
        else:
            case.check()
    ratio = statistics.median(ours.wall / floor.wall for floor, ours in pairs)
    floor, ours = (median(side) for side in zip(*pairs, strict=True))
    return Line(case.title, floor, ours, ratio, case.target)


def median(costs: Iterable[Cost]) -> Cost:
    """Give the median of each cost by itself."""
    found = list(costs)
    return Cost(
        statistics.median(c.wall for c in found),
        statistics.median(c.cpu for c in found),
        statistics.median(c.peak for c in found),
    )


def memory(lines: Iterable[Line], target: float) -> Line | None:
    """Find the case that takes most memory beyond its floor's."""
    found = [(x.ours.peak - x.floor.peak, x) for x in lines if x.floor]
    if not found:
        return None
    more, worst = max(found, key=lambda pair: pair[0])
    title = f"most memory beyond the floor's: {worst.title}"
    return Line(title, worst.floor, worst.ours, more, target, "MB")


def words(*given: str) -> Words:
    """Give the same command in every round."""
    return lambda _: given
