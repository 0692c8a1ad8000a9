"""nomad from Python: what the commands do for a day's work, as values.

`warehouse` is what `nomad.open` gives: a project, `opened` anew for each call. It reads its
`arguments` as the command line reads words, and gives `results`, made by `conversion`.
"""
