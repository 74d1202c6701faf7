"""`sensor-platform rebuild`: rebuild the warehouse and all published files."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.warehouse.rebuild import RebuildProgress


@click.command(epilog="\b\nExample:\n  sensor-platform rebuild")
def rebuild() -> None:
    """Rebuild the warehouse from landing files, then forecasts, scores, anomalies and all published files.

    Analysts read the earlier published tables until the end. Days that landing no longer has are restored from them;
    the command prints which. The writer lock is released between chunks. After a kill the next runs finish the work.
    """
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
    from sensor_platform.predict.features.build_features import build_features
    from sensor_platform.predict.forecast.score_job import score
    from sensor_platform.predict.supervised.score_tasks import score_tasks
    from sensor_platform.retention import apply
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.publish import publish
    from sensor_platform.warehouse.rebuild import rebuild as run

    settings = load_settings()
    home, site = settings.home, settings.site
    done = run(home, site, _say)
    click.echo(f"{done.readings:,} readings of {done.days} days")
    for table, rows in done.restored.items():
        click.echo(f"restored from published tables, older than {done.floor or 'landing'}: {table} {rows:,} rows")
    build_features(home, site)
    now = datetime.now(UTC)
    score(home, site, now=now)
    score_tasks(home, site, now=now)
    build_anomalies(home, site, now=now)
    published = publish(home, site)
    pieces = sum(each.files for each in published.tables.values())
    click.echo(f"{pieces} pieces published")
    tables = apply.without_landing(site.retention)
    trimmed = apply.apply(home, site, tables, site.landing.raw_keep_days, now_micros())
    if trimmed.days:
        click.echo(
            f"{sum(each.rows for each in trimmed.days):,} rows are older than their tier is kept, and went again"
        )


def _say(progress: "RebuildProgress") -> None:
    first, last = progress.days
    share = progress.done_readings / max(1, progress.total_readings)
    click.echo(f"rebuild: {_name(first, last)} done, {share:.0%} of {progress.total_readings:,} readings", err=True)


def _name(first: date, last: date) -> str:
    return str(first) if first == last else f"{first}..{last}"
