-- The trading days seen so far, each with its neighbours and its place in the month.
with days as (

    select distinct trade_date
    from dwd.dwd_daily_stock_price

),

placed as (

    select
        trade_date,
        lag(trade_date) over (order by trade_date) as previous_trade_date,
        lead(trade_date) over (order by trade_date) as next_trade_date,

        isodow(trade_date) as iso_weekday,
        row_number() over (
            partition by date_trunc('month', trade_date)
            order by trade_date
        ) as trading_day_of_month
    from days

)

select * from placed
order by trade_date
