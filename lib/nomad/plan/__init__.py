"""What would run, and why; changes nothing.

`planner` orders the `steps`, `freshness` says what is stale, `due` at which dates there is one,
`lookback` which earlier ones are looked at again.
`inputs` resolves which partitions a query reads (`reads`): it goes by the columns of each table
(`schemas`) and by DuckDB's optimizer (`pruning`, `explained`). `own_past` and `full_scans` say what
is wrong with such reads; `lineage` traces columns.
"""
