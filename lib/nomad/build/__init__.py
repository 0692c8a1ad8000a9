"""One SELECT, one partition → staged files, judged by `checks`.

`inputs` looks up the files of what it reads, `stage` writes scratch only, `merge` is the upsert of
a full table.
"""
