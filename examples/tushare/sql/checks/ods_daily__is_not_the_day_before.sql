-- No more than one stock in ten has the very figures of the day before: else that day came again.
with before as (

    select
        ts_code,
        arg_max((open, high, low, close, volume), dt) as figures
    from ods.ods_daily
    where dt < '$<PARTITION_DATE>' and dt >= date '$<PARTITION_DATE>' - 15
    group by ts_code

),

again as (

    select
        d.ts_code,
        d.trade_date,
        (d.open, d.high, d.low, d.close, d.volume) = b.figures as is_same
    from ods.ods_daily as d
    inner join before as b on d.ts_code = b.ts_code
    where d.dt = '$<PARTITION_DATE>'

)

select
    ts_code,
    trade_date
from again
qualify is_same and avg(cast(is_same as integer)) over () > 0.1
