"""DuckDB: what runs queries, and the way to published files.

`instance` gives an `Engine`, `session` one connection of it; `scan` is published files as a
SELECT, `remote` the way to a lake in S3. `question`, `answer` and `keeping` serve what people ask;
`external` copies from a database outside the lake, `attach` has queries read one, `extensions`
finds what both need. `forbidden`, `readable` and `down` bound what a query may touch; `parse_tree`
walks what DuckDB parsed; `exact`, `joined`, `typenames`, `faults`, `caret`, `interrupts` and
`machine` know DuckDB's types, messages, signals and limits.

DuckDB itself is imported where an instance opens, and where one is used; `version` tells which it
is without that. A command that finds nothing to compute never loads it.
"""
