"""W3: six tables in a chain, one partition a day, over 5,000 prices a day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
from workload import DAY, Model, Workload

FIRST, SYMBOLS = date(2024, 2, 1), 5_000
ROWS = {
    "ods_price": SYMBOLS, "dwd_price": SYMBOLS, "dim_symbol": SYMBOLS,
    "dws_symbol": SYMBOLS, "dws_sector": 11, "ads_top": 110,
}  # fmt: skip

MODELS = (
    Model("ods", "ods_price", """\
select p.symbol, p.open, p.high, p.low, p.close, p.volume, p.dt
from {prices} as p
where p.dt {on}"""),
    Model("dwd", "dwd_price", """\
select
    p.symbol, p.open, p.high, p.low, p.close, p.volume,
    p.close / p.open - 1 as gain,
    (p.high + p.low + p.close) / 3 as typical,
    p.dt
from {ods_price} as p
where p.dt {on} and p.volume > 0
qualify row_number() over (partition by p.dt, p.symbol order by p.volume desc) = 1"""),
    Model("dim", "dim_symbol", """\
select
    p.symbol,
    concat('sector ', cast(substr(p.symbol, 2) as integer) % 11) as sector,
    p.symbol < 'S02500' as main_board,
    p.dt
from {dwd_price} as p
where p.dt {on}"""),
    Model("dws", "dws_symbol", """\
select
    p.symbol, d.sector, p.gain, p.typical * p.volume as turnover,
    rank() over (partition by p.dt, d.sector order by p.gain desc, p.symbol) as place,
    p.dt
from {dwd_price} as p
join {dim_symbol} as d on p.symbol = d.symbol and p.dt = d.dt
where p.dt {on} and d.dt {on}"""),
    Model("dws", "dws_sector", """\
select
    s.sector, count(*) as symbols, avg(s.gain) as gain, sum(s.turnover) as turnover, s.dt
from {dws_symbol} as s
where s.dt {on}
group by s.sector, s.dt"""),
    Model("ads", "ads_top", """\
select s.sector, s.symbol, s.place, s.gain, t.gain as sector_gain, s.dt
from {dws_symbol} as s
join {dws_sector} as t on s.sector = t.sector and s.dt = t.dt
where s.dt {on} and t.dt {on} and s.place <= 10"""),
)  # fmt: skip

_SOURCE = f"""
select
    printf('S%05d', s) as symbol,
    50 + hash(s, d) % 10000 / 100 as open,
    55 + hash(s, d, 1) % 10000 / 100 as high,
    40 + hash(s, d, 2) % 10000 / 100 as low,
    50 + hash(s, d, 3) % 10000 / 100 as close,
    cast(1 + hash(s, d, 4) % 1000000 as bigint) as volume,
    date '{FIRST}' + cast(d as integer) as dt
from range({SYMBOLS}) as a(s), range({{days}}) as b(d)
"""


def day(number: int) -> str:
    """Give the date so many days after the first."""
    return str(FIRST + timedelta(days=number))


def workload(data: Path, days: int) -> Workload:
    """Make the prices of so many days, a file each, and the six tables."""
    data.mkdir(parents=True, exist_ok=True)
    rows = _SOURCE.format(days=days)
    duckdb.execute(f"COPY ({rows}) TO '{data}' (FORMAT parquet, PARTITION_BY (dt))")
    return Workload(MODELS, {"prices": f"{data}/dt={DAY}/data_0.parquet"})
