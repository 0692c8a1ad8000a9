"""The tables and sources of a folder, and their graph.

`project` loads a `Project` of `Table`s; `naming`, `reading`, `parse_pool` and `references` read its
SQL, `contracts` finds contracts and checks, `calendars` which calendars apply, `selection` turns
words into tables.
"""
