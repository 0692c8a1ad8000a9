-- Accounts of a day by type: how many, and what they hold in total and in the mean.
select
    account_type,

    count(*) as accounts,
    sum(cash) as cash,
    sum(market_value) as market_value,
    sum(total_asset) as total_asset,
    cast(sum(total_asset) / count(*) as decimal(20, 2)) as mean_total_asset
from ods.ods_asset
where dt = '$<PARTITION_DATE>'
group by account_type
order by account_type
