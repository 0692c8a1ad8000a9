-- Daily prices as AkShare delivers them: typed, one symbol form, volume in shares, amount in yuan.
with delivered as (

    select *
    from raw.daily_stock_price_akshare
    where dt = '$<PARTITION_DATE>'

),

typed as (

    select
        case
            when "股票代码" like '6%' then "股票代码" || '.SH'
            else "股票代码" || '.SZ'
        end as symbol,
        cast("日期" as date) as trade_date,

        cast("开盘" as decimal(18, 2)) as open,
        cast("最高" as decimal(18, 2)) as high,
        cast("最低" as decimal(18, 2)) as low,
        cast("收盘" as decimal(18, 2)) as close,
        cast("成交量" as bigint) * 100 as volume,
        cast("成交额" as decimal(20, 2)) as amount,
        cast("涨跌幅" as decimal(9, 4)) as change_pct
    from delivered

)

select * from typed
