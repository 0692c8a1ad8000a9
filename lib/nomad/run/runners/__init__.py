"""Where the steps of a plan run.

`base` is the port; `threads` runs them side by side in this process, `inline` in the calling
thread, one after the other: the double for tests.
"""
