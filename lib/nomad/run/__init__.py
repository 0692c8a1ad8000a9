"""Walks a plan and publishes.

`planning` makes the plan of a command. `scheduler` hands out steps to `worker`s within a `context`,
`gate` bounds how many compute; `extraction` lands sources. Other ways to publish: `republish`,
`history`, `compact`. What looks or cleans up: `status`, `checks`, `contracts`, `diff`, `gc`,
`orphans`, `recovery`. `result` is how a step ended, `nearest` which landing a new one is held
against.
"""
