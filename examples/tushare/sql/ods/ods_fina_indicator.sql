-- Financial indicators of each quarter, as last corrected; ratios in percent, figures a share in yuan.
-- Of several rows for one key the corrected one counts, then the one told last; of those that are
-- equal in all of this, the one whose text comes last: always the same.
select
    ts_code,
    cast(strptime(end_date, '%Y%m%d') as date) as end_date,
    update_flag,
    cast(strptime(ann_date, '%Y%m%d') as date) as ann_date,
    cast(columns(* exclude (ts_code, ann_date, end_date, update_flag)) as decimal(24, 4)),
    'tushare' as source
from raw.fina_indicator
qualify row_number() over (
    partition by ts_code, end_date
    order by update_flag desc, ann_date desc, cast(fina_indicator as varchar) desc
) = 1
