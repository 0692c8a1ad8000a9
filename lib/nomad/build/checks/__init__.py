"""A contract and checks, held against staged rows.

`inspection` checks a `subject`, with `columns` and `refused`; `inputs` looks up what contract and
checks read beside it, `result` is what a test found.
"""
