-- The price that a day is measured by is the close before, less what was paid since: by the factors.
-- Single factors are wrong at times; more than one stock in twenty means that codes are.
with before as (

    select
        ts_code,
        max(dt) as dt,
        arg_max(close, dt) as close
    from ods.ods_daily
    where dt < '$<PARTITION_DATE>' and dt >= date '$<PARTITION_DATE>' - 15
    group by ts_code

),

steps as (

    select
        d.ts_code,
        d.trade_date,
        d.pre_close,
        b.close * f.adj_factor / g.adj_factor as expected
    from ods.ods_daily as d
    inner join before as b on d.ts_code = b.ts_code
    inner join ods.ods_adj_factor as f on b.ts_code = f.ts_code and b.dt = f.dt
    inner join ods.ods_adj_factor as g on d.ts_code = g.ts_code and d.dt = g.dt
    where
        d.dt = '$<PARTITION_DATE>'
        and g.dt = '$<PARTITION_DATE>'
        and f.dt < '$<PARTITION_DATE>' and f.dt >= date '$<PARTITION_DATE>' - 15

),

judged as (

    select
        *,
        abs(pre_close / expected - 1) > 0.02 as is_off
    from steps

)

select
    ts_code,
    trade_date,
    pre_close,
    expected
from judged
qualify is_off and avg(cast(is_off as integer)) over () > 0.05
