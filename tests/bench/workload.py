"""A project of N small tables in four layers over one source, and its statements for a script."""

from __future__ import annotations

import json
import random
from pathlib import Path

LAYERS = ("l1", "l2", "l3", "l4")

CONFIG = """\
layers: [l1, l2, l3, l4]
naming: free
timezone: UTC
lake: {history: 0}
sources:
  src: {connector: file, path: src.parquet}
"""


def models(count: int) -> list[tuple[str, str, list[str], str]]:
    """Give (layer, name, parents, SQL); `{x}` in the SQL stands for the table x."""
    chance, per = random.Random(7), count // len(LAYERS)
    found: list[tuple[str, str, list[str], str]] = []
    above: list[str] = []
    for depth, layer in enumerate(LAYERS):
        size = per if depth < len(LAYERS) - 1 else count - per * (len(LAYERS) - 1)
        names = [f"m{depth + 1}_{i:04d}" for i in range(size)]
        for i, name in enumerate(names):
            parents = chance.sample(above, min(len(above), chance.randint(1, 3)))
            found.append((layer, name, parents, _sql(i, parents)))
        above = names
    return found


def _sql(i: int, parents: list[str]) -> str:
    if not parents:
        return f"select id, k, v + {i} as v from {{src}} as s"
    first, *rest = parents
    joins = "".join(f"\njoin {{{p}}} as t{n} on t0.id = t{n}.id" for n, p in enumerate(rest, 1))
    total = " + ".join(f"t{n}.v" for n in range(len(parents)))
    return f"select t0.id, t0.k, ({total}) / {len(parents)} as v\nfrom {{{first}}} as t0{joins}"


def make(root: Path, count: int) -> None:
    """Write nomad's project to root/nomad, and the statements for the script to root/floor."""
    import duckdb

    project, floor = root / "nomad", root / "floor"
    (floor / "out").mkdir(parents=True)
    for layer in LAYERS:
        (project / "sql" / layer).mkdir(parents=True)
    (project / "nomad.yaml").write_text(CONFIG)
    rows = "select i as id, i % 7 as k, i * 1.5::double as v from range(100) as t(i)"
    duckdb.sql(rows).write_parquet(str(project / "src.parquet"))
    layer_of = {name: layer for layer, name, _, _ in models(count)} | {"src": "raw"}
    statements = []
    for layer, name, parents, sql in models(count):
        known = [*parents, "src"]
        text = sql.format(**{k: f"{layer_of[k]}.{k}" for k in known})
        (project / "sql" / layer / f"{name}.sql").write_text(f"-- {name}\n{text}\n")
        paths = {k: f"read_parquet('out/{k}.parquet')" for k in parents}
        paths["src"] = f"read_parquet('{project / 'src.parquet'}')"
        statements.append([name, sql.format(**paths)])
    (floor / "statements.json").write_text(json.dumps(statements))
