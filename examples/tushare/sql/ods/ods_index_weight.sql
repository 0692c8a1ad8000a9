-- The stocks of an index at the end of each month, with their weights in percent.
select
    index_code,
    con_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(weight as decimal(12, 6)) as weight_pct,
    'tushare' as source
from raw.index_weight
