-- Prices as delivered: typed, one row per symbol and day.
select
    symbol,

    cast(open as decimal(18, 2)) as open,
    cast(close as decimal(18, 2)) as close,
    cast(volume as bigint) as volume
from raw.prices
where dt = '$<PARTITION_DATE>'
