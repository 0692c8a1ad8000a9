"""One SELECT, one partition → staged files, judged by `checks`.

`stage` writes scratch only, `merge` is the upsert of a full table.
"""
