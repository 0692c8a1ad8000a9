"""Other tools on the same workloads: one file each, and what they have in common in `tool`."""
