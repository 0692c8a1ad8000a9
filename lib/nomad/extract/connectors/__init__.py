"""One file for each connector: its options, and how it fetches.

`file` is one of CSV, JSON, Parquet or Excel; `postgres` a table or a query of a database; `rest` an
API that answers in JSON. Each gives itself as `CONNECTOR`, and is found by the name of its file.
"""
