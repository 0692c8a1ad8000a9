"""W1: many tables of a hundred rows in four layers over one source."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
from workload import DAY, Model, Workload

LAYERS = ("l1", "l2", "l3", "l4")
ROWS = 100
_SOURCE = f"select i as id, i % 7 as k, i * 1.5::double as v from range({ROWS}) as t(i)"


def models(count: int, *, dated: bool = False) -> tuple[Model, ...]:
    """Draw the tables: each above the first layer joins one to three of the layer below."""
    chance, per = random.Random(7), count // len(LAYERS)
    found: list[Model] = []
    below: list[str] = []
    for depth, layer in enumerate(LAYERS):
        size = per if depth < len(LAYERS) - 1 else count - per * (len(LAYERS) - 1)
        names = [f"m{depth + 1}_{i:04d}" for i in range(size)]
        for i, name in enumerate(names):
            inputs = chance.sample(below, min(len(below), chance.randint(1, 3))) or ["src"]
            found.append(Model(layer, name, _sql(i, inputs, dated=dated)))
        below = names
    return tuple(found)


def _sql(i: int, inputs: list[str], *, dated: bool) -> str:
    joins = "".join(
        f"\njoin {{{p}}} as t{n} on t0.id = t{n}.id" + (f" and t{n}.dt {{on}}" if dated else "")
        for n, p in enumerate(inputs[1:], 1)
    )
    total = " + ".join(f"t{n}.v" for n in range(len(inputs)))
    value = f"t0.v + {i}" if inputs == ["src"] else f"({total}) / {len(inputs)}"
    where = "\nwhere t0.dt {on}" if dated else ""
    return f"select t0.id, t0.k, {value} as v\nfrom {{{inputs[0]}}} as t0{joins}{where}"


def full(count: int, data: Path) -> Workload:
    """Make the source and the tables, each a full one."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "src.parquet"
    duckdb.sql(_SOURCE).write_parquet(str(path))
    return Workload(models(count), {"src": str(path)})


def by_day(count: int, data: Path, day: str) -> Workload:
    """Make the source for one day, and the tables, each with one partition a day."""
    folder = data / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    duckdb.sql(_SOURCE).write_parquet(str(folder / "data.parquet"))
    return Workload(models(count, dated=True), {"src": f"{data}/dt={DAY}/data.parquet"})
