"""From sources to files as they land.

`base` is the port and measures what landed; `file` is a connector, with `excel`, `records` and
`s3`; `columns` and `header` know what a file's columns are.
"""
