"""`python -m nomad` is `nomad`."""

from nomad.cli import main

main()
