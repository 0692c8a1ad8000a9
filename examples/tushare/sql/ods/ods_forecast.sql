-- Forecasts of profits as they were announced, in yuan.
-- Of several rows for one key the corrected one counts; of those that are equal in this, too, the one
-- whose text comes last: always the same.
select
    ts_code,
    cast(strptime(end_date, '%Y%m%d') as date) as end_date,
    cast(strptime(ann_date, '%Y%m%d') as date) as ann_date,
    type,
    update_flag,
    cast(p_change_min as decimal(24, 4)) as change_min_pct,
    cast(p_change_max as decimal(24, 4)) as change_max_pct,
    cast(cast(net_profit_min as decimal(24, 6)) * 10000 as decimal(24, 2)) as net_profit_min,
    cast(cast(net_profit_max as decimal(24, 6)) * 10000 as decimal(24, 2)) as net_profit_max,
    cast(cast(last_parent_net as decimal(24, 6)) * 10000 as decimal(24, 2)) as last_net_profit,
    cast(strptime(first_ann_date, '%Y%m%d') as date) as first_ann_date,
    summary,
    change_reason,
    'tushare' as source
from raw.forecast
qualify row_number() over (
    partition by ts_code, end_date, ann_date
    order by update_flag desc, cast(forecast as varchar) desc
) = 1
