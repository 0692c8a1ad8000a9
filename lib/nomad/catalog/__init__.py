"""The catalog file of DuckDB: migrations, views, macros, metadata; never rows.

`catalog` renews it by `maker` from `views`, `macros`, `metadata`, `migrations` and `state`;
`live` is its schema `nomad` for one question.
"""
