-- Trades as booked: typed, one row per trade.
with booked as (

    select *
    from raw.trade
    where dt = '$<PARTITION_DATE>'

)

select
    cast(id as bigint) as id,
    account_id,
    cast(account_type as integer) as account_type,
    traded_id,
    stock_code,
    strategy_name,
    order_remark,

    cast(direction as integer) as direction,
    cast(offset_flag as integer) as offset_flag,
    cast(traded_price as decimal(20, 2)) as traded_price,
    cast(traded_volume as bigint) as traded_volume,
    cast(traded_amount as decimal(20, 2)) as traded_amount,

    cast(traded_time as timestamp) as traded_time,
    cast(created_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at
from booked
