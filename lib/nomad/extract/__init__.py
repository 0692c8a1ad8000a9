"""From sources to files as they land.

`base` is the port, `registry` finds a connector by its name, `connectors` are those that are
shipped, and `memory` is their double. Files have `places`, some on `servers` (`s3`, `remote`), and
are found by `patterns`; they land as `delivered` says: `packed` ones unpacked, `texts` in UTF-8
(`encodings` and `delimiters` tell what isn't said), sheets of `excel` as CSV, by their `formats`;
`header` names columns. Connectors share `databases`, and `http`, which makes `calls` by the
`patience` of a source and what is known of `hosts`. An API has `auth` and `paging`, and answers in
`jsontext`; `tushare_limits` are those of a vendor, and `tushare_answers` what it says in place of
rows. What a database is asked is in `asking`; `alchemy` reaches those that DuckDB can't, and
`own_sql` and `table_formats` serve what DuckDB reads itself. What a function of the project gives
(`functions` finds it, `context` is what it is given, `returned` what it gives) lands as `lines` of
JSON (with its numbers' `spelling`) or as `frames`; `messages` is what streams share, `topics` are
those of Kafka. `entities` tells which files of a folder changed. `measure`, `columns`, `renames`,
`typed`, `fitting` and `records` (`exact` to the last digit) say what a landed file holds, `sparse`
what it lacks of others; `cut` gives each row of it a date, and `watermark` the highest value, which
`clock` bounds where it is time. Libraries that are not there `extras` tells, and `declared` what
each connector says of itself.
"""
