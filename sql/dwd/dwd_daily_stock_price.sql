-- One row per symbol and trading day, merged from both vendors; a row that only one vendor has stays.
with akshare as (

    select *
    from ods.ods_daily_stock_price_akshare
    where dt = '$<PARTITION_DATE>'

),

tushare as (

    select *
    from ods.ods_daily_stock_price_tushare
    where dt = '$<PARTITION_DATE>'

),

merged as (

    select
        symbol,
        trade_date,

        cast((coalesce(a.open, t.open) + coalesce(t.open, a.open)) / 2 as decimal(18, 4)) as open_avg,
        cast((coalesce(a.high, t.high) + coalesce(t.high, a.high)) / 2 as decimal(18, 4)) as high_avg,
        cast((coalesce(a.low, t.low) + coalesce(t.low, a.low)) / 2 as decimal(18, 4)) as low_avg,
        cast((coalesce(a.close, t.close) + coalesce(t.close, a.close)) / 2 as decimal(18, 4)) as close_avg,
        t.previous_close,
        coalesce(t.volume, a.volume) as volume,
        coalesce(t.amount, a.amount) as amount,

        case
            when t.symbol is null then 'akshare'
            when a.symbol is null then 'tushare'
            when a.close = t.close and a.open = t.open then 'both'
            else 'disagree'
        end as vendors
    from akshare as a
    full join tushare as t using (symbol, trade_date)

),

priced as (

    select *
    from merged
    where close_avg > $<MIN_PRICE>

)

select * from priced
