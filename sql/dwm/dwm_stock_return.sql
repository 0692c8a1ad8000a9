-- Daily return and five-day mean of the close, per symbol, from the last two weeks of prices.
with today as (

    select
        symbol,
        trade_date,
        close_avg
    from dwd.dwd_daily_stock_price
    where dt = '$<PARTITION_DATE>'

),

past as (

    select
        symbol,
        trade_date,
        close_avg
    from dwd.dwd_daily_stock_price
    where dt >= cast('$<PARTITION_DATE>' as date) - 14 and dt < '$<PARTITION_DATE>'

),

prices as (

    select * from today
    union all
    select * from past

),

windowed as (

    select
        symbol,
        trade_date,

        close_avg,
        lag(close_avg) over by_day as previous_close_avg,
        avg(close_avg) over (by_day rows between 4 preceding and current row) as mean_of_5,
        count(*) over (by_day rows between 4 preceding and current row) as days_in_mean
    from prices
    window by_day as (partition by symbol order by trade_date)

),

returns as (

    select
        symbol,
        trade_date,

        close_avg,
        previous_close_avg,
        cast(close_avg / previous_close_avg - 1 as decimal(9, 6)) as daily_return,
        cast(mean_of_5 as decimal(18, 4)) as close_mean_5d,
        days_in_mean
    from windowed
    where trade_date = '$<PARTITION_DATE>'

)

select * from returns
order by symbol
