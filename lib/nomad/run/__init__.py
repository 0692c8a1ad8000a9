"""Walks a plan and calls the acts: `tables` builds, `sources` extracts, each as an `attempt`."""
