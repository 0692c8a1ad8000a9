"""One file for each connector: its options, and how it fetches.

`file` is one of CSV, JSON, Parquet or Excel; `postgres`, `mysql`, `sqlite`, `duckdb` and `sql` are
a table or a query of a database; `delta` and `iceberg` are tables with a history; `rest` is an API
that answers in JSON; `python` is a function of the project, `dlt` a resource of dlt; `redis` and
`kafka` are streams; `tushare` is a vendor of market data. Each gives itself as `CONNECTOR`, and is
found by the name of its file.
"""
