"""One file for each connector: its options, and how it fetches.

`file` is one of CSV, JSON, Parquet or Excel; `postgres` a table or a query of a database. Each
gives itself as `CONNECTOR`, and is found by the name of its file.
"""
