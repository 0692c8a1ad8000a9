"""The same workload as a project of nomad, and as statements for the bare script."""

from __future__ import annotations

import json
from pathlib import Path

from measure import measure, nomad
from workload import DAY, Workload, source_select

_DATE = "$<PARTITION_DATE>"


def write_nomad(
    folder: Path, work: Workload, *, days: tuple[str, str] | None = None, lake: str = "lake"
) -> Path:
    """Write a project, and land its sources (of some days)."""
    for layer in work.layers:
        (folder / "sql" / layer).mkdir(parents=True)
    lines = [f"layers: [{', '.join(work.layers)}]", "naming: free", "timezone: UTC", "sources:"]
    lines.insert(0, f"lake: {{url: '{lake}'}}")
    for name, path in work.sources.items():
        lines.append(f'  {name}: {{connector: file, path: "{path.replace(DAY, _DATE)}"}}')
    (folder / "nomad.yaml").write_text("\n".join(lines) + "\n")
    layer_of = {m.name: m.layer for m in work.models}
    for m in work.models:
        text = m.text(lambda x: f"{layer_of.get(x, 'raw')}.{x}", f"= '{_DATE}'")
        (folder / "sql" / m.layer / f"{m.name}.sql").write_text(f"-- {m.name}\n{text}\n")
    span = ("--from", days[0], "--to", days[1]) if days else ()
    measure(*nomad("extract", "-q", *span), cwd=folder)
    return folder


def write_floor(folder: Path, work: Workload) -> Path:
    """Write the statements in their order; they read and write Parquet in `out`."""

    def name(x: str) -> str:
        if x in work.sources:
            return source_select(work.sources[x], "$DAY")
        path = f"out/{x}/dt=$DAY/data.parquet" if work.dated else f"out/{x}.parquet"
        return f"read_parquet('{path}', hive_partitioning = false)"

    folder.mkdir(parents=True)
    statements = [[m.name, m.text(name, "= '$DAY'")] for m in work.models]
    (folder / "statements.json").write_text(json.dumps(statements))
    return folder
