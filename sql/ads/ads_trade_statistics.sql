-- Trades of a day by account type, offset flag and strategy: totals and means.
select
    account_type,
    offset_flag,
    strategy_name,

    count(*) as trades,
    count(distinct account_id) as accounts,
    sum(traded_volume) as volume,
    sum(traded_amount) as amount,
    cast(sum(traded_amount) / count(*) as decimal(20, 2)) as mean_amount,
    cast(sum(traded_amount) / sum(traded_volume) as decimal(20, 4)) as mean_price
from ods.ods_trade
where dt = '$<PARTITION_DATE>'
group by account_type, offset_flag, strategy_name
order by account_type, offset_flag, strategy_name
