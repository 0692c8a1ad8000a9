"""One SQL file: text → a `SqlFile`, without running it.

`file` is the value, `variables` and `lexing` come before any grammar, `parsing` takes the text
apart with `tokens`, `statements`, `select`, `parts`, `calls`, `macros`, `targets` and
`forbidden`. `references` finds what is read, also as DuckDB sees it (`serialized`);
`partition_local`, `plainer`, `bounds` and `limits` say what the date does in a query.
"""
