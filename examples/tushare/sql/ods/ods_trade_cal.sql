-- Every day of the exchange, and whether it is open.
select
    exchange,
    cast(strptime(cal_date, '%Y%m%d') as date) as cal_date,
    is_open = 1 as is_open,
    cast(strptime(pretrade_date, '%Y%m%d') as date) as previous_open_date,
    'tushare' as source
from raw.trade_cal
