"""What would run, and why; changes nothing.

`planner` orders the `steps`, `freshness` says what is stale, `schemas` and `pruning` (with
`explained`) which partitions a query reads; `own_past`, `full_scans` and `lineage` tell more of
the same reads.
"""
