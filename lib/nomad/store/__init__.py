"""Where objects live, and nothing about tables.

`base` is the port `Store`; `local`, `s3`, `memory` and `overlay` stand behind it; `capabilities`
names what only some of them can. `address` and `requests` say where a server is and what it was
asked; `client`, `parts`, `probe` and `diagnosis` are the parts of `s3`.
"""
