"""Brings what sources deliver into `raw`, by the same publish as any table.

`extraction` lands sources, several `side_by_side`, at the dates of `due_cells`, unless `stamps`
tell that a file is as it was. What comes in parts `landing` keeps as pieces, of which `cutting`
makes partitions, unless they are `outdated`; `parts` are those that `each` names, `wanted` tells
which of them are fetched, `chunks` are those of a first load, and `pages` wait for the rest of
theirs; `begun` is what is there of fetches that were broken off, and `streams` keep their cursor.
`completeness` tells whether what came is all, `compared` what it found, `nearest` which landing a
new one is held against, in parts `columns_before`; `undelivered` is what no source had. `extent` is
how much of all is landed, `progress` how each fetch ended, `meter` the port of who shows that.

Who only looks at a source asks by `probing`; `connections` tries all that a project reaches out
to, `sample` shows a source's first rows.
"""
