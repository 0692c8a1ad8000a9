"""dbt with DuckDB: Parquet files by `external`; many days by `microbatch`, in its database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
from workload import DAY as DAY_IN_PATH
from workload import Workload

from peers.tool import AGAIN, DAY, FULL, MONTH, Command, Tool, in_database, put

_PROJECT = """\
name: p
version: '1.0'
profile: p
model-paths: [models]
flags: {send_anonymous_usage_stats: false, use_colors: false}
"""
_PROFILE = """\
p:
  target: dev
  outputs:
    dev: {type: duckdb, path: dbt.duckdb, threads: 2, external_root: out}
"""
_HEADS = {
    FULL: "{{ config(materialized='external') }}\n",
    DAY: "{{ config(materialized='external',"
    " options={'partition_by': 'dt', 'overwrite_or_ignore': true}) }}\n",
    MONTH: "{{ config(materialized='incremental', incremental_strategy='microbatch',"
    " event_time='dt', batch_size='day', begin='BEGIN', lookback=0) }}\n",
}
_ON = {FULL: "", DAY: "= '{{ var(\"dt\") }}'", MONTH: "is not null"}


def write(folder: Path, work: Workload, kind: str, days: Sequence[str]) -> None:
    """Write the project: sources by the place of their files, one model a table."""
    kind = FULL if kind == AGAIN else kind
    put(folder / "dbt_project.yml", _PROJECT)
    put(folder / "profiles.yml", _PROFILE)
    put(folder / "out" / ".keep", "")
    lines = ["sources:", "  - name: s", "    tables:"]
    for name, path in work.sources.items():
        place = path.replace(DAY_IN_PATH, "*")
        config = f'meta: {{external_location: "{place}"}}' + ", event_time: dt" * (kind == MONTH)
        lines += [f"      - name: {name}", f"        config: {{{config}}}"]
    put(folder / "models" / "sources.yml", "\n".join(lines) + "\n")
    for m in work.models:
        text = m.text(lambda x: _named(x, work), _ON[kind])
        head = _HEADS[kind].replace("BEGIN", days[0] if days else "")
        put(folder / "models" / f"{m.name}.sql", f"{head}{text}\n")


def _named(name: str, work: Workload) -> str:
    kind = f"source('s', '{name}')" if name in work.sources else f"ref('{name}')"
    return f"{{{{ {kind} }}}}"


def command(kind: str, days: Sequence[str]) -> Command:
    """Spell a run: of all, of a day, or of a span in daily batches."""
    run = ("dbt", "run", "--quiet")
    if kind == DAY:
        run = (*run, "--vars", f"{{dt: '{days[0]}'}}")
    if kind == MONTH:
        past = str(date.fromisoformat(days[-1]) + timedelta(days=1))
        run = (*run, "--event-time-start", days[0], "--event-time-end", past)
    return Command(run, {"DO_NOT_TRACK": "1"})


def rows(con: duckdb.DuckDBPyConnection, folder: Path, work: Workload, table: str) -> str:
    """Read the files, or the database where there are none."""
    if not work.dated:
        return f"read_parquet('{folder}/out/{table}.parquet')"
    if (folder / "out" / table).exists():
        return f"read_parquet('{folder}/out/{table}/*/*.parquet', hive_partitioning = true)"
    return in_database("dbt.duckdb")(con, folder, work, table)


DBT = Tool(
    "dbt-duckdb", write, command, rows,
    before=lambda kind, days: command(kind, days) if kind == DAY else None,
    pins=("dbt-duckdb==1.11.1", "dbt-core==1.11.16", "duckdb==1.5.5"),
    notes={
        AGAIN: "has no notion of what is fresh: builds all again",
        MONTH: "by `microbatch`, into tables of its DuckDB file; `external` takes one run a day",
    },
)  # fmt: skip
