"""`sensor-platform dbt ARGS...`: dbt on this data folder's warehouse, under the writer lock."""

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbt(arguments: tuple[str, ...]) -> int:
    """Run dbt on the warehouse of SENSOR_PLATFORM_HOME, under the writer lock.

    Everything after `dbt` is dbt's own: `build` and `run` rebuild every window that ever had data, `test` tests every
    window. `parse`, `ls`, `deps`, `clean` and `docs generate` need no data folder and write to dbt_project/target.

    \b
    Example:
        sensor-platform dbt build --select readings_1h+
        sensor-platform dbt docs generate
    """
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.dbt_command import run_command

    settings = load_settings()
    return run_command(settings.home, settings.site, list(arguments))
