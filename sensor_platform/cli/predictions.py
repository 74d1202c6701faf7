"""`sensor-platform predictions`: forecasts and scores, now or as of an earlier time."""

import sys
from datetime import UTC, datetime

import click


@click.command()
@click.option("--as-of", metavar="T", help="As of a time: 2026-03-01T12:00 (UTC), or 12h ago (default: now).")
@click.option("--metric", help="Only this metric.")
@click.option("--device", help="Only this device.")
@click.option("--task", help="Scores of this supervised task instead of forecasts.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Number of newest rows.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="Output format.")
def predictions(
    as_of: str | None, metric: str | None, device: str | None, task: str | None, limit: int, form: str
) -> None:
    """Show forecasts, or scores of a task, as of a time: later revisions are left out.

    \b
    Example:
        sensor-platform predictions --as-of 2026-03-01T12:00 --metric temperature --device press-1
        sensor-platform predictions --task pump --as-of 2026-03-01
    """
    from sensor_platform.cli.moments import moment_or_ago
    from sensor_platform.cli.rows import write
    from sensor_platform.errors import Missing, WrongUse
    from sensor_platform.kernel.clock import plain_utc
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.published.query import ask

    if task and metric:
        raise WrongUse("--metric and --task ask for different tables", "name one of them")
    settings = load_settings()
    at = plain_utc(moment_or_ago(as_of) if as_of else datetime.now(UTC))
    sql, names = (_SCORES, [task, device]) if task else (_FORECASTS, [metric, device])
    answer = ask(settings.home, sql, [at, *(each for name in names for each in (name, name)), limit])
    known = [each.name for each in settings.site.supervised] if task else settings.site.forecast.metrics
    if not answer.rows and names[0] and names[0] not in known:
        raise Missing(
            f"no predictions exist for {names[0]!r}, and site.yaml does not ask for it",
            f"it asks for {', '.join(known) or 'nothing'}",
        )
    write(
        answer.columns,
        [list(map(_short, row)) for row in answer.rows] if form == "table" else answer.rows,
        form,
        sys.stdout,
    )


def _short(value: object) -> object:
    """Round to six digits for people; CSV and JSON have all digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


_FORECASTS = """
select device_id, metric, issued_at, horizon_hours, target_at, value, lower, upper, served, model_id, revision,
    inputs_position, created_at, superseded_at
from prediction_history_as_of(cast(? as timestamp))
where (cast(? as varchar) is null or metric = ?) and (cast(? as varchar) is null or device_id = ?)
order by issued_at desc, device_id, metric, horizon_hours limit ?
"""
_SCORES = """
select task, device_id, window_start, value, class, threshold, is_alarm, reason, model_id, revision, inputs_position,
    created_at, superseded_at
from supervised_history_as_of(cast(? as timestamp))
where (cast(? as varchar) is null or task = ?) and (cast(? as varchar) is null or device_id = ?)
order by window_start desc, device_id limit ?
"""
