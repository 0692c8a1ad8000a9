-- Accounts at the end of a day, as delivered: typed, one row per account.
with delivered as (

    select *
    from raw.asset
    where dt = '$<PARTITION_DATE>'

)

select
    cast(id as bigint) as id,
    account_id,
    cast(account_type as integer) as account_type,

    cast(cash as decimal(20, 2)) as cash,
    cast(frozen_cash as decimal(20, 2)) as frozen_cash,
    cast(market_value as decimal(20, 2)) as market_value,
    cast(total_asset as decimal(20, 2)) as total_asset,

    cast(updated_at as timestamp) as updated_at
from delivered
