-- The three strongest and the three weakest stocks of the day, with their board and share of turnover.
with returns as (

    select *
    from dwm.dwm_stock_return
    where dt = '$<PARTITION_DATE>' and daily_return is not null

),

ranked as (

    select
        r.symbol,
        s.exchange,
        s.board,
        r.trade_date,

        r.daily_return,
        r.close_avg,
        cast(p.amount / m.turnover as decimal(9, 4)) as share_of_turnover,
        row_number() over (order by r.daily_return desc, r.symbol) as rank_from_top,
        row_number() over (order by r.daily_return, r.symbol) as rank_from_bottom
    from returns as r
    join dwd.dwd_daily_stock_price as p on r.symbol = p.symbol and r.dt = p.dt
    join dws.dws_market_daily as m on r.dt = m.dt
    join dim.dim_stock as s on r.symbol = s.symbol

),

movers as (

    select *
    from ranked
    where rank_from_top <= 3 or rank_from_bottom <= 3

)

select * from movers
order by rank_from_top
