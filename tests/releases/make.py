"""Make the lake that the next release's tests read, by the release that is to be kept.

Usage: python tests/releases/make.py FOLDER OUT.tar.gz
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

FILES = {
    "nomad.yaml": """\
timezone: UTC
layers: [ods, dwd, dim, dws]
lake: {history: 2}
sources:
  px: {connector: file, path: "in/px/$<PARTITION_DATE>.csv"}
  tick: {connector: file, path: "in/tick/$<PARTITION_DATE>.jsonl"}
  stock: {connector: file, path: in/stock.csv}
""",
    "sql/ods/ods_px.sql": """\
-- Prices as delivered: typed.
select symbol, cast(close as decimal(18, 2)) as close, cast(volume as bigint) as volume
from raw.px
where dt = '$<PARTITION_DATE>'
""",
    "sql/ods/ods_px.yml": """\
columns:
  - name: symbol
    tests: [not_null]
  - name: close
    tests:
      - not_null: {severity: quarantine}
  - name: volume
""",
    "sql/ods/ods_tick.sql": """\
select symbol, price, told_at from raw.tick where dt = '$<PARTITION_DATE>'
""",
    "sql/dim/dim_stock.sql": "select symbol, name from raw.stock\n",
    "sql/dwd/dwd_total.sql": """\
-- Running total per symbol.
select t.symbol, t.volume + coalesce(y.total, 0) as total
from ods.ods_px as t
left join dwd.dwd_total as y
    on t.symbol = y.symbol and y.dt = cast('$<PARTITION_DATE>' as date) - 1
where t.dt = '$<PARTITION_DATE>'
""",
    "sql/dws/dws_px.sql": """\
select d.name, sum(p.volume) as volume, count(*) as days, max(p.close) as highest
from ods.ods_px as p join dim.dim_stock as d using (symbol)
group by d.name
""",
    "sql/dws/dws_merged.sql": """\
select symbol, close from ods.ods_px where dt = (select max(dt) from ods.ods_px)
""",
    "sql/dws/dws_merged.yml": "strategy: merge\nunique_key: symbol\n",
    "in/stock.csv": "symbol,name\nA,Alpha\nB,Beta\n",
}
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")


def main(root: Path, out: Path) -> None:
    """Write the project, land and build three days, and the last of them again."""
    for name, text in {**FILES, **_inputs()}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    _nomad(root, "extract", "--from", DAYS[0], "--to", DAYS[-1])
    _nomad(root, "run", "--from", DAYS[0], "--to", DAYS[-1])
    later = root / f"in/px/{DAYS[-1]}.csv"
    later.write_text(later.read_text(encoding="utf-8").replace("A,4.10,400", "A,4.15,400"))
    _nomad(root, "extract", "px", "--dt", DAYS[-1])
    _nomad(root, "run", "--dt", DAYS[-1])
    with tarfile.open(out, "w:gz") as archive:
        archive.add(root, arcname=".")


def _inputs() -> dict[str, str]:
    made: dict[str, str] = {}
    for n, day in enumerate(DAYS, 2):
        made[f"in/px/{day}.csv"] = f"symbol,close,volume\nA,{n}.10,{n}00\nB,{n}.20,{n}50\nC,,7\n"
        made[f"in/tick/{day}.jsonl"] = (
            f'{{"symbol": "A", "price": {n}.5, "told_at": "{day}T10:00:00"}}\n'
            f'{{"symbol": "B", "price": 2.25, "told_at": "{day}T11:00:00"}}\n'
        )
    return made


def _nomad(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "nomad", *words], cwd=root, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
