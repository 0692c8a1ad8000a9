-- The stocks seen so far: exchange, board, and the days on which each was first and last traded.
with traded as (

    select
        symbol,
        trade_date
    from dwd.dwd_daily_stock_price

),

stocks as (

    select
        symbol,
        split_part(symbol, '.', 1) as code,
        case split_part(symbol, '.', 2)
            when 'SH' then 'Shanghai'
            when 'SZ' then 'Shenzhen'
        end as exchange,
        case
            when symbol like '688%' then 'STAR'
            when symbol like '30%' then 'ChiNext'
            else 'main'
        end as board,

        min(trade_date) as first_traded_on,
        max(trade_date) as last_traded_on,
        count(*) as days_traded
    from traded
    group by symbol

)

select * from stocks
order by symbol
