-- What the exchanges charge for a trade: one row per fee and the days on which its rate holds.
with announced as (

    select
        fee,
        side,
        cast(rate as decimal(10, 8)) as rate,
        cast(valid_from as date) as valid_from
    from raw.fee_rate

)

select
    fee,
    side,
    rate,
    valid_from,
    lead(valid_from) over (partition by fee order by valid_from) as replaced_on
from announced
order by fee, valid_from
