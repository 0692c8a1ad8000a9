-- First figures of a quarter, ahead of the statements, in yuan, as last corrected.
-- Of several rows for one key the corrected one counts, then the one told last; of those that are
-- equal in all of this, the one whose text comes last: always the same.
select
    ts_code,
    cast(strptime(end_date, '%Y%m%d') as date) as end_date,
    cast(strptime(ann_date, '%Y%m%d') as date) as ann_date,
    update_flag,
    cast(revenue as decimal(24, 2)) as revenue,
    cast(operate_profit as decimal(24, 2)) as operate_profit,
    cast(total_profit as decimal(24, 2)) as total_profit,
    cast(n_income as decimal(24, 2)) as n_income,
    cast(total_assets as decimal(24, 2)) as total_assets,
    cast(total_hldr_eqy_exc_min_int as decimal(24, 2)) as equity,
    cast(diluted_eps as decimal(24, 4)) as diluted_eps,
    cast(diluted_roe as decimal(24, 4)) as diluted_roe_pct,
    cast(yoy_net_profit as decimal(24, 2)) as last_net_profit,
    cast(bps as decimal(24, 4)) as bps,
    'tushare' as source
from raw.express
qualify row_number() over (
    partition by ts_code, end_date
    order by update_flag desc, ann_date desc, cast(express as varchar) desc
) = 1
