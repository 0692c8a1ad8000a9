-- Indicators of a day; shares in shares, market values in yuan.
select
    ts_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(close as decimal(18, 2)) as close,
    cast(turnover_rate as decimal(12, 4)) as turnover_pct,
    cast(turnover_rate_f as decimal(12, 4)) as free_turnover_pct,
    cast(volume_ratio as decimal(12, 4)) as volume_ratio,
    cast(pe as decimal(18, 4)) as pe,
    cast(pe_ttm as decimal(18, 4)) as pe_ttm,
    cast(pb as decimal(18, 4)) as pb,
    cast(ps as decimal(18, 4)) as ps,
    cast(ps_ttm as decimal(18, 4)) as ps_ttm,
    cast(dv_ratio as decimal(12, 4)) as dividend_pct,
    cast(dv_ttm as decimal(12, 4)) as dividend_ttm_pct,
    cast(round(cast(total_share as decimal(24, 6)) * 10000) as bigint) as total_shares,
    cast(round(cast(float_share as decimal(24, 6)) * 10000) as bigint) as float_shares,
    cast(round(cast(free_share as decimal(24, 6)) * 10000) as bigint) as free_shares,
    cast(cast(total_mv as decimal(24, 6)) * 10000 as decimal(24, 2)) as total_value,
    cast(cast(circ_mv as decimal(24, 6)) * 10000 as decimal(24, 2)) as float_value,
    'tushare' as source
from raw.daily_basic
where dt = '$<PARTITION_DATE>'
