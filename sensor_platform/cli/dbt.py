"""`sensor-platform dbt ARGS...`: run dbt on the home's warehouse, under the writer lock."""

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbt(arguments: tuple[str, ...]) -> int:
    """Run dbt on the warehouse of SENSOR_PLATFORM_HOME, under the writer lock.

    All arguments after `dbt` are dbt's: `build` and `run` rebuild every window with data, `test` tests every
    window. `parse`, `ls`, `deps`, `clean` and `docs generate` need no data folder and write to dbt_project/target.
    `parse` also checks what the models declare in their meta, and writes it to sensor_platform/warehouse/lineage.json.

    \b
    Example:
        sensor-platform dbt build --select readings_1h+
        sensor-platform dbt docs generate
    """
    from sensor_platform.warehouse.dbt_command import needs_no_warehouse, run_command, run_project_command

    if needs_no_warehouse(arguments):
        done = run_project_command(arguments)
        if done.written and not {"--quiet", "-q"} & set(arguments):
            click.echo(f"{done.written} has changed; commit it together with the models")
        return done.exit_code
    from sensor_platform.settings import load_settings

    settings = load_settings()
    return run_command(settings.home, settings.site, list(arguments))
