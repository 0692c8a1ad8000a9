"""One contract file → a `Contract`: columns and typed tests.

`contract` has the values, `read` makes them from a file by the `words` it knows, with `values`,
`ages`, `conditions` and `constraints`; `schema` gives the same words to editors.
"""
