"""The peers: nomad and the bare script beside other tools, on the workloads W1 to W3."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import prices
import tpch
import trivial
from peers import arena, dbt, home, lea, sqlmesh, tool, yato
from peers.arena import Scenario, Score

TOOLS = (home.SCRIPT, home.NOMAD, dbt.DBT, sqlmesh.SQLMESH, lea.LEA, yato.YATO)


@dataclass(frozen=True)
class Sizes:
    """How large the workloads are."""

    models: int
    days: int
    scale: float


@dataclass(frozen=True)
class Outcome:
    """One scenario, and what each tool took."""

    title: str
    scores: Mapping[str, Score]


def outcomes(sizes: Sizes, cache: Path, rounds: int) -> Iterator[Outcome]:
    """Install the tools, then run one scenario after another."""
    bins = {t.name: tool.install(t, cache) for t in TOOLS}
    with tempfile.TemporaryDirectory(prefix="nomad-bench-peers-") as folder:
        for n, one in enumerate(scenarios(Path(folder) / "data", sizes)):
            scores = arena.compete(Path(folder) / f"run-{n}", one, TOOLS, bins, rounds)
            yield Outcome(one.title, scores)


def scenarios(data: Path, sizes: Sizes) -> Iterator[Scenario]:
    """Make the data of each workload, and say what is run over it."""
    w1 = trivial.full(sizes.models, data / "w1")
    yield Scenario(f"W1, {sizes.models} tables, all built", w1, tool.FULL)
    yield Scenario(f"W1, {sizes.models} tables, the same again", w1, tool.AGAIN)
    if tpch.extension():
        w2 = tpch.workload(data / "w2", sizes.scale)
        yield Scenario(f"W2, TPC-H at scale {sizes.scale:g}", w2, tool.FULL)
    w3 = prices.workload(data / "w3", sizes.days + 1)
    days = tuple(prices.day(n) for n in range(sizes.days + 1))
    yield Scenario("W3, six tables, the next day", w3, tool.DAY, days[:1], days[1:2])
    yield Scenario(f"W3, six tables, {sizes.days} days", w3, tool.MONTH, (), days[1:])


def head() -> tuple[str, ...]:
    """Name the columns: the workload, then the tools."""
    return ("workload", *(t.name for t in TOOLS))


def seconds(found: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Write wall time in seconds, with the numbers of the notes."""
    numbers = {text: n for n, text in enumerate(notes(found), 1)}

    def cell(name: str, score: Score) -> str:
        mark = f" [{numbers[f'{name}: {score.note}']}]" if score.note else ""
        return (f"{score.cost.wall:.2f}" if score.cost else "-") + mark

    return [(o.title, *(cell(t.name, o.scores[t.name]) for t in TOOLS)) for o in found]


def memory(found: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Write peak memory in MB and CPU in seconds."""

    def cell(score: Score) -> str:
        return f"{score.cost.cpu:.1f} s, {score.cost.peak:.0f} MB" if score.cost else "-"

    return [(o.title, *(cell(o.scores[t.name]) for t in TOOLS)) for o in found]


def notes(found: Sequence[Outcome]) -> list[str]:
    """List what is to be said of single figures, each once."""
    pairs = ((t.name, o.scores[t.name].note) for o in found for t in TOOLS)
    said = (f"{name}: {note}" for name, note in pairs if note)
    return list(dict.fromkeys(said))


def versions() -> str:
    """Name the peers as they are pinned."""
    return ", ".join(t.pins[0].replace("==", " ") for t in TOOLS if t.pins)
