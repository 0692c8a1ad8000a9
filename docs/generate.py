"""Write docs/cli.md from the commands' own help: python docs/generate.py > docs/cli.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from nomad.cli import app

HEAD = """\
# The command line

Written from `--help` by docs/generate.py; a test holds it. Results go to standard output, talk to
standard error. Exit codes: 0 done · 1 a step failed · 2 misuse or bad configuration · 3 the lake,
a source or a database can't be reached · 4 data refused by a check · 5 late, or not ready yet ·
6 another run holds the project · 130 interrupted, 143 by TERM, 129 by HUP. Of several, the worst
counts: 130, 143 and 129, then 3, 2, 1, 4, 6, 5.
"""


def pages(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Give the name and help of a command and all below it."""
    context = click.Context(
        command,
        info_name=name,
        max_content_width=100,
        terminal_width=100,
        help_option_names=["-h", "--help"],
    )
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            below = command.get_command(context, sub)
            if below is not None:
                yield from pages(below, f"{name} {sub}")


def reference() -> str:
    """Write the whole page."""
    parts = [f"## `{name}`\n\n```\n{text}\n```\n" for name, text in pages(app, "nomad")]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    sys.stdout.write(reference())
