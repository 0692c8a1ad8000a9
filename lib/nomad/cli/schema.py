"""`nomad schema`."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument("kind", type=click.Choice(("nomad", "contract")), default="nomad")
def command(kind: str) -> None:
    """Print the JSON Schema of nomad.yaml, or of a contract, for an editor to check by.

    Example: nomad schema contract > contract.schema.json
    """
    import json

    from nomad.config.schema import schema as of_config
    from nomad.contract.schema import schema as of_contract
    from nomad.extract.registry import CONNECTORS

    found = of_contract() if kind == "contract" else of_config(CONNECTORS)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
