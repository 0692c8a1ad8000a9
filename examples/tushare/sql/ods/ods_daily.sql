-- Prices of a day, not adjusted; volume in shares, amount in yuan.
select
    ts_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(open as decimal(18, 2)) as open,
    cast(high as decimal(18, 2)) as high,
    cast(low as decimal(18, 2)) as low,
    cast(close as decimal(18, 2)) as close,
    cast(pre_close as decimal(18, 2)) as pre_close,
    cast(round((close / pre_close - 1) * 100, 4) as decimal(12, 4)) as change_pct,
    cast(round(cast(vol as decimal(20, 4)) * 100) as bigint) as volume,
    cast(cast(amount as decimal(20, 5)) * 1000 as decimal(20, 2)) as amount,
    'tushare' as source
from raw.daily
where dt = '$<PARTITION_DATE>'
