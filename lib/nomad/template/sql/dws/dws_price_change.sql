-- The day's change of each price, the strongest first.
with prices as (

    select *
    from ods.ods_price
    where dt = '$<PARTITION_DATE>'

)

select
    symbol,

    close,
    cast(close / open - 1 as decimal(9, 4)) as change
from prices
order by change desc, symbol
