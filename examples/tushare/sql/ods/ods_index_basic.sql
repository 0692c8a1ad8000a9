-- The indices of both exchanges.
select
    ts_code,
    name,
    market,
    publisher,
    category,
    cast(strptime(base_date, '%Y%m%d') as date) as base_date,
    cast(base_point as decimal(18, 4)) as base_point,
    cast(strptime(list_date, '%Y%m%d') as date) as list_date,
    'tushare' as source
from raw.index_basic
