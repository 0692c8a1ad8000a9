"""From sources to landed files. `base` is the port; each connector is one file behind it."""
