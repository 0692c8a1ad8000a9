"""A contract and checks, held against staged rows.

`inspection` judges, with `columns`, `inputs` and `refused`; `result` is what a test found.
"""
