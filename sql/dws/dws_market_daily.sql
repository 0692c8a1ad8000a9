-- The market in one row a day: breadth, mean return and turnover.
with prices as (

    select
        symbol,
        amount
    from dwd.dwd_daily_stock_price
    where dt = '$<PARTITION_DATE>'

),

returns as (

    select
        symbol,
        trade_date,
        daily_return
    from dwm.dwm_stock_return
    where dt = '$<PARTITION_DATE>'

),

market as (

    select
        r.trade_date,

        count(*) as stocks,
        count(*) filter (where r.daily_return > 0) as advancing,
        count(*) filter (where r.daily_return < 0) as declining,
        cast(avg(r.daily_return) as decimal(9, 6)) as mean_return,
        sum(p.amount) as turnover
    from returns as r
    join prices as p on r.symbol = p.symbol
    group by r.trade_date

)

select * from market
