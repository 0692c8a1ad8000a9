"""`nomad connectors`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nomad.extract.declared import Declared
    from nomad.extract.extras import Extra


@click.command("connectors")
@click.argument("name", required=False)
@options.output()
def command(name: str | None, output: str) -> None:
    """List the connectors by which sources are reached, or the options of one.

    Those of other packages that are installed are among them. An extra is what `pip install
    'nomad-warehouse[EXTRA]'` brings.

    Example: nomad connectors postgres
    """
    from nomad.extract.declared import every, one
    from nomad.extract.registry import CONNECTORS

    if name is None:
        _all(every(CONNECTORS), output)
    else:
        _one(one(CONNECTORS, name), output)


def _all(found: Sequence[Declared], output: str) -> None:
    from nomad.cli import printing

    rows: list[dict[str, Any]] = [
        {
            "connector": d.name,
            "sentence": d.sentence,
            "package": d.package,
            "extras": _as_data(d.extras) if output == "json" else _as_text(d.extras),
        }
        for d in found
    ]
    columns = ["connector", "sentence", "extras", "package"]
    printing.listing("connectors", columns, rows, output=output, out=sys.stdout)


def _one(found: Declared, output: str) -> None:
    from nomad.cli import printing
    from nomad.extract.declared import common, own

    of = ((found.name, own(found)), ("every source", common()))
    rows: list[dict[str, Any]] = [
        {
            "option": option.name,
            "kind": option.kind,
            "required": option.required if output == "json" else "yes" if option.required else "",
            "sentence": option.sentence,
            "of": whose,
        }
        for whose, listed in of
        for option in listed
    ]
    if output == "table":
        click.echo(f"{found.name}: {found.sentence}")
        for extra in found.extras:
            click.echo(f"{_need(extra)}: {extra.command}")
        click.echo()
    about: dict[str, Any] = {
        "connector": found.name,
        "sentence": found.sentence,
        "package": found.package,
    }
    about |= {"extras": _as_data(found.extras)} if output == "json" else {}
    columns = ["option", "kind", "required", "sentence", "of"]
    printing.listing("options", columns, rows, output=output, out=sys.stdout, extra=about)


def _need(extra: Extra) -> str:
    what = f"{extra.of} needs" if extra.of else "needs"
    return f"{what} `{extra.name}`, which is {'' if extra.is_installed else 'not '}installed"


def _as_text(extras: Sequence[Extra]) -> str:
    return ", ".join(e.name if e.is_installed else f"{e.name} (not installed)" for e in extras)


def _as_data(extras: Sequence[Extra]) -> list[dict[str, Any]]:
    return [{"name": e.name, "of": e.of, "installed": e.is_installed} for e in extras]
