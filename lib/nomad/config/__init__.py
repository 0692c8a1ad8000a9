"""`nomad.yaml` and the environment → frozen values.

`config` loads them as a `Config`; `keys`, `lake`, `calendars` and `sources` are the keys and their
rules, `options` what a connector declares of its own, `ready` the time a source is due at,
`lookback` how far back it is asked; `tree` and `yamlfile` are the file with its lines, `schema` the
same keys for editors.
"""
