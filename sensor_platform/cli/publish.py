"""`sensor-platform publish`: publish changes, write a snapshot, or repair the views of a copied folder."""

from pathlib import Path

import click

from sensor_platform.kernel.clock import now_micros


@click.command()
@click.option(
    "--snapshot", "file", type=click.Path(path_type=Path), help="Write one self-contained .duckdb file instead."
)
@click.option(
    "--relink",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Adapt analytics.duckdb of a copied published folder to its new path.",
)
def publish(file: Path | None, folder: Path | None) -> None:
    """Publish changes since the last time. Analysts read published/analytics.duckdb.

    \b
    Example:
        sensor-platform publish
        sensor-platform publish --snapshot /tmp/plant-7.duckdb
        sensor-platform publish --relink /mnt/usb/published
    """
    if file is not None and folder is not None:
        raise click.UsageError("--snapshot and --relink exclude each other")
    if folder is not None:
        _relink(folder)
    elif file is not None:
        _snapshot(file)
    else:
        _publish()


def _publish() -> None:

    from sensor_platform.alert.history.build_alerts import build_alerts
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.publish import publish as run

    settings = load_settings()
    report = run(settings.home, settings.site)
    alerts = build_alerts(settings.home, settings.site.alerts, settings.site.live.engine, now_micros())
    for table, done in report.tables.items():
        click.echo(f"{table}: {done.files} pieces, {done.rows:,} rows, {done.bytes:,} bytes")
    if alerts.is_changed:
        click.echo(f"alerts: {alerts.alerts:,} rows, {alerts.replayed:,} readings replayed")
    click.echo(f"{settings.home.analytics_file} is up to date ({report.seconds:.1f} s)")


def _snapshot(file: Path) -> None:
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.published.snapshot import snapshot

    settings = load_settings()
    for table, rows in snapshot(settings.home, settings.site, file).items():
        click.echo(f"{table}: {rows:,} rows")
    click.echo(str(file))


def _relink(folder: Path) -> None:
    from sensor_platform.warehouse.published.views import relink

    for table in relink(folder):
        click.echo(table)
    click.echo(f"{folder / 'analytics.duckdb'} reads {folder.resolve()}")
