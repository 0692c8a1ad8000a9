-- Daily prices as TuShare delivers them: typed, one symbol form, volume in shares, amount in yuan.
with delivered as (

    select *
    from raw.daily_stock_price_tushare
    where dt = '$<PARTITION_DATE>'

),

typed as (

    select
        ts_code as symbol,
        cast(strptime(trade_date, '%Y%m%d') as date) as trade_date,

        cast(open as decimal(18, 2)) as open,
        cast(high as decimal(18, 2)) as high,
        cast(low as decimal(18, 2)) as low,
        cast(close as decimal(18, 2)) as close,
        cast(pre_close as decimal(18, 2)) as previous_close,
        cast(round(cast(vol as decimal(20, 2)) * 100) as bigint) as volume,
        cast(cast(amount as decimal(20, 3)) * 1000 as decimal(20, 2)) as amount,
        cast(pct_chg as decimal(9, 4)) as change_pct
    from delivered

)

select * from typed
