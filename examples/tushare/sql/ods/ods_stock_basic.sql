-- All stocks as of now, also those that are delisted or don't trade yet.
select
    ts_code,
    symbol,
    name,
    area,
    industry,
    market,
    exchange,
    list_status,
    cast(strptime(list_date, '%Y%m%d') as date) as list_date,
    cast(strptime(delist_date, '%Y%m%d') as date) as delist_date,
    'tushare' as source
from raw.stock_basic
