-- The factor by which prices of a day are made comparable with those of others.
select
    ts_code,
    cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,
    cast(adj_factor as decimal(18, 6)) as adj_factor,
    'tushare' as source
from raw.adj_factor
where dt = '$<PARTITION_DATE>'
