"""`sensor-platform query SQL`: query the published tables; prints a table, CSV or JSON."""

import sys

import click


@click.command()
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="Output format.")
def query(sql: str, form: str) -> None:
    """Query the published tables in SQL. Read-only; times are UTC.

    \b
    Example:
        sensor-platform query "select device_id, metric, mean from readings_1h where day = current_date"
        sensor-platform query --format csv "from predictions" > predictions.csv
    """
    from sensor_platform.cli.rows import write
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.published.query import ask

    answer = ask(load_settings().home, sql)
    write(answer.columns, answer.rows, form, sys.stdout)
