"""Where objects live. `base` is the port; `local` and `memory` stand behind it."""
