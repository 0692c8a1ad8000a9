"""What is published, how it gets there, and what a machine remembers of it.

`layout` is every path, `manifest` and `decoding` a version as a value and as bytes, `scans` its
files to DuckDB, `words` its name to people; `place` is where it all lies; `lake` reads, `publish`
commits, `pieces` keeps what sources deliver in parts, `intent_log` what a run supersedes, `journal`
says what ran, `claims` who is building, `doctor` what is wrong,
`piece_doctor` with pieces. `listing`, `object_cache` and
`fingerprints` save work and may be deleted.
"""
