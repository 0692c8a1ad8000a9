"""Walks a plan and publishes.

`planning` makes the plan of a command; `due` says which dates are due, by the dates of `calendars`.
`scheduler` hands out its steps to a runner (`runners`), a `worker` does one, `gate` bounds how many
compute. `context` is a run from begin to end: it applies what came of each step; `publisher`
commits, `refresher` keeps the catalog up, `listener` is the port of who wants to know. `extraction`
lands sources that are `chosen`, several `side_by_side`, at the dates of `due_cells`, `fetching`
asks for it, unless `stamps` tell that it is as it was; what comes in parts `landing` keeps as
pieces, of which `cutting` makes partitions; `pages` wait for the rest, as do `chunks`, and `parts`
are those that `each` names. Other ways to publish: `republish`, `history`, `compact`. What looks or
cleans up: `status`, `checks`, `contracts`, `diff`, `gc`, `orphans`, `recovery`. `result` is how a
step ended, `undelivered` what no source had, `readiness` whether a date is due, `completeness`
whether what came is all, `progress` how each fetch ended, `extent` how much of it is landed,
`meter` the port of who shows that, `nearest` which landing a new one is held against.

Who only looks at a source asks by `probing`; `connections` tries all that a project reaches out to,
`sample` shows a source's first rows.
"""
