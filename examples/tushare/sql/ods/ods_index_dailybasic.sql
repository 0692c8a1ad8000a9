-- Indicators of an index; shares in shares, market values in yuan.
select
    ts_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(total_mv as decimal(24, 2)) as total_value,
    cast(float_mv as decimal(24, 2)) as float_value,
    cast(round(cast(total_share as decimal(24, 4))) as bigint) as total_shares,
    cast(round(cast(float_share as decimal(24, 4))) as bigint) as float_shares,
    cast(round(cast(free_share as decimal(24, 4))) as bigint) as free_shares,
    cast(turnover_rate as decimal(12, 4)) as turnover_pct,
    cast(turnover_rate_f as decimal(12, 4)) as free_turnover_pct,
    cast(pe as decimal(18, 4)) as pe,
    cast(pe_ttm as decimal(18, 4)) as pe_ttm,
    cast(pb as decimal(18, 4)) as pb,
    'tushare' as source
from raw.index_dailybasic
