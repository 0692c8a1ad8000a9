-- The trades of all groups are those published of the day.
with grouped as (

    select sum(trades) as trades
    from ads.ads_trade_statistics
    where dt = '$<PARTITION_DATE>'

),

booked as (

    select count(*) as trades
    from ods.ods_trade
    where dt = '$<PARTITION_DATE>'

)

select
    grouped.trades as grouped,
    booked.trades as booked
from grouped, booked
where grouped.trades is distinct from booked.trades
