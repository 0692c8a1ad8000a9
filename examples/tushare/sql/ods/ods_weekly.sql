-- Prices of a week that is over, not adjusted; volume in shares, amount in yuan.
-- The vendor once gave lots and thousands of yuan: a share then seems to cost a tenth.
select
    ts_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(open as decimal(18, 2)) as open,
    cast(high as decimal(18, 2)) as high,
    cast(low as decimal(18, 2)) as low,
    cast(close as decimal(18, 2)) as close,
    cast(pre_close as decimal(18, 2)) as pre_close,
    cast(round((close / pre_close - 1) * 100, 4) as decimal(12, 4)) as change_pct,
    cast(round(vol * if(amount < 0.5 * vol * close, 100, 1)) as bigint) as volume,
    cast(amount * if(amount < 0.5 * vol * close, 1000, 1) as decimal(24, 2)) as amount,
    'tushare' as source
from raw.weekly
