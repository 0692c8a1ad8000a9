"""Walks a plan and publishes.

`planning` makes the plan of a command; `due` says which dates are due, by the dates of `calendars`.
`scheduler` hands out its steps to a runner (`runners`), a `worker` does one, `gate` bounds how many
compute. `context` is a run from begin to end: it applies what came of each step; `publisher`
commits, `refresher` keeps the catalog up, `listener` is the port of who wants to know. Other ways
to publish: `republish`, `history`, `compact`. What looks or cleans up: `status`, `checks`,
`contracts`, `diff`, `gc`, `orphans`, `recovery`. `result` is how a step ended. Of sources,
`chosen` says which are meant, `fetching` what one is asked, `readiness` from when on.
"""
