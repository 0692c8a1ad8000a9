-- What was paid into accounts and out of them on a day: typed, one row per movement.
with delivered as (

    select *
    from raw.cash_flow
    where dt = '$<PARTITION_DATE>'

)

select
    flow_id,
    account_id,
    cast(flow_date as date) as flow_date,
    kind,
    cast(amount as decimal(20, 2)) as amount
from delivered
order by flow_id
