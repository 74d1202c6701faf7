"""`sensor-platform contract library`: the contracts that ship."""

import sys

import click


@click.group(invoke_without_command=True, epilog="\b\nExample:\n  sensor-platform contract library")
@click.pass_context
def library(context: click.Context) -> None:
    """List the contracts that ship; `contracts: {use: [NAME]}` in site.yaml puts them in force."""
    if context.invoked_subcommand is not None:
        return
    from sensor_platform.cli.rows import write
    from sensor_platform.contracts.library.shipped import description_of, read_shipped, shipped_names

    rows = []
    for name in shipped_names():
        topics = dict.fromkeys(each.topic for each in read_shipped(name))
        rows.append((name, " ".join(topics), description_of(name)))
    write(("name", "topics", "takes"), rows, "table", sys.stdout)


@library.command(epilog="\b\nExample:\n  sensor-platform contract library show esphome > contracts/esphome.yaml")
@click.argument("name")
def show(name: str) -> None:
    """Print the file of NAME, to be copied into `contracts/` and edited."""
    from sensor_platform.contracts.library.shipped import text_of_shipped

    click.echo(text_of_shipped(name).rstrip())
