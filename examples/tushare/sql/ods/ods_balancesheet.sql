-- Balance sheets, one of a kind for each quarter, figures in yuan as last corrected.
-- Of several rows for one key the corrected one counts, then the one told last; of those that are
-- equal in all of this, the one whose text comes last: always the same.
select
    ts_code,
    cast(strptime(end_date, '%Y%m%d') as date) as end_date,
    report_type,
    comp_type,
    update_flag,
    cast(strptime(ann_date, '%Y%m%d') as date) as ann_date,
    cast(strptime(f_ann_date, '%Y%m%d') as date) as f_ann_date,
    cast(
        columns(
            * exclude (ts_code, ann_date, f_ann_date, end_date, report_type, comp_type, end_type, update_flag)
        ) as decimal(24, 4)
    ),
    'tushare' as source
from raw.balancesheet
qualify row_number() over (
    partition by ts_code, end_date, report_type
    order by update_flag desc, f_ann_date desc, ann_date desc, cast(balancesheet as varchar) desc
) = 1
