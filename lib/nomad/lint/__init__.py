"""Faults by file, line and column, without any data.

`linter` binds each query, `contracts` holds promises against it, `finding` is one fault.
"""
