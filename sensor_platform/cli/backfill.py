"""`sensor-platform backfill`: rebuild days through Dagster; plan, run, watch, cancel and resume."""

import time
from datetime import date
from typing import TYPE_CHECKING

import click

from sensor_platform.cli.moments import DAY
from sensor_platform.errors import ExitCode

if TYPE_CHECKING:
    from sensor_platform.orchestration.planning.backfill_plan import Plan
    from sensor_platform.orchestration.sensors.backfills import Backfill, BackfillProgress

_POLL_SECONDS = 2.0
_FROM = click.option("--from", "start", type=DAY, help="First day, UTC (default: first day with data).")
_TO = click.option("--to", "end", type=DAY, help="Last day, included (default: last day with data).")
_SELECT = click.option("--select", metavar="TABLES", help="Comma-separated tables (default: all).")
_SIZE = click.option("--days-per-run", type=click.IntRange(1), help="Maximum number of days per run.")
_OLDEST = click.option("--oldest-first", is_flag=True, help="Start with the oldest days (default: the newest).")


@click.group(
    epilog="\b\nExample:\n  sensor-platform backfill plan --from 2026-01-01 --to 2026-03-31\n"
    "  sensor-platform backfill run --from 2026-01-01 --to 2026-03-31\n  sensor-platform backfill cancel",
)
def backfill() -> None:
    """Rebuild days: every window with data, whether it is dirty or not."""


@backfill.command()
@_FROM
@_TO
@_SELECT
@_SIZE
@_OLDEST
def plan(
    start: date | None, end: date | None, select: str | None, days_per_run: int | None, oldest_first: bool
) -> None:
    """Print the amount of data, the runs and the estimated duration, from the cost of earlier builds."""
    found, tables = _plan(start, end, select, days_per_run, oldest_first)
    click.echo(f"{found.days} days, {found.hours} hours, {found.readings:,} readings, {found.bytes:,} bytes of landing")
    click.echo(
        f"about {found.seconds:.0f} s, by {found.recorded} recorded builds; tables: {', '.join(tables) or 'all'}"
    )
    for first, last in found.runs:
        click.echo(f"run {first}..{last}")
    if found.refused:
        click.echo(f"{found.refused} days lie below the landing floor or before `start`: they stay as they are")


@backfill.command()
@_FROM
@_TO
@_SELECT
@_SIZE
@_OLDEST
@click.option("--no-wait", is_flag=True, help="Return without waiting for the end.")
@click.pass_context
def run(
    ctx: click.Context,
    start: date | None,
    end: date | None,
    select: str | None,
    days_per_run: int | None,
    oldest_first: bool,
    no_wait: bool,
) -> None:
    """Start a backfill through Dagster and show its progress. Ctrl-C stops watching; the backfill continues."""
    from sensor_platform.orchestration.sensors.backfills import ask
    from sensor_platform.orchestration.storage.instance import prepare
    from sensor_platform.settings import load_settings

    home = load_settings().home
    found, tables = _plan(start, end, select, days_per_run, oldest_first)
    prepare(home)
    asked = ask(home, found.runs, tables, found.seconds)
    click.echo(f"backfill {asked.id}: {_runs(len(asked.ranges))}, about {found.seconds:.0f} s")
    if not no_wait:
        _watch(ctx, asked)


@backfill.command()
@click.argument("name", metavar="ID", required=False)
def status(name: str | None) -> None:
    """Show the progress of a backfill (default: the newest)."""
    from sensor_platform.orchestration.sensors.backfills import find, look
    from sensor_platform.settings import load_settings

    settings = load_settings()
    click.echo(_line(look(settings.home, find(settings.home, name), settings.site.runs.retries)))


@backfill.command()
@click.argument("name", metavar="ID", required=False)
def cancel(name: str | None) -> None:
    """Cancel a backfill (default: the newest) and its run."""
    from sensor_platform.orchestration.sensors.backfills import cancel as end_it
    from sensor_platform.orchestration.sensors.backfills import find, look
    from sensor_platform.settings import load_settings

    settings = load_settings()
    found = find(settings.home, name)
    if look(settings.home, found, settings.site.runs.retries).state == "done":
        click.echo(f"backfill {found.id} is done already, there is nothing to cancel")
        return
    ended = _runs(len(end_it(settings.home, found)))
    click.echo(f"backfill {found.id} is cancelled, {ended} ended; `sensor-platform backfill resume` goes on with it")


@backfill.command()
@click.argument("name", metavar="ID", required=False)
@click.option("--no-wait", is_flag=True, help="Return without waiting for the end.")
@click.pass_context
def resume(ctx: click.Context, name: str | None, no_wait: bool) -> None:
    """Continue a cancelled or failed backfill (default: the newest) with the ranges that are not done."""
    from sensor_platform.orchestration.sensors.backfills import find
    from sensor_platform.orchestration.sensors.backfills import resume as go_on
    from sensor_platform.settings import load_settings

    home = load_settings().home
    found = go_on(home, find(home, name))
    click.echo(f"backfill {found.id} goes on")
    if not no_wait:
        _watch(ctx, found)


def _plan(
    start: date | None, end: date | None, select: str | None, days_per_run: int | None, oldest_first: bool
) -> "tuple[Plan, tuple[str, ...]]":
    from sensor_platform.orchestration.planning.backfill_plan import chosen, range_of
    from sensor_platform.orchestration.planning.backfill_plan import plan as make_plan
    from sensor_platform.settings import load_settings

    settings = load_settings()
    home, first = settings.home, settings.site.start
    tables = chosen(select)
    days = range_of(home, start, end)
    return make_plan(home, days, start=first, days_per_run=days_per_run, oldest_first=oldest_first), tables


def _watch(ctx: click.Context, asked: "Backfill") -> None:
    from sensor_platform.orchestration.sensors.backfills import find, look
    from sensor_platform.settings import load_settings

    settings = load_settings()
    shown = ""
    try:
        while True:
            found = look(settings.home, find(settings.home, asked.id), settings.site.runs.retries)
            if (line := _line(found)) != shown:
                click.echo(line, err=True)
                shown = line
            if found.state in {"done", "failed", "cancelled"}:
                break
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        click.echo(f"it goes on; `sensor-platform backfill cancel {asked.id}` ends it", err=True)
        raise
    if found.state != "done":
        click.echo(f"hint: `sensor-platform backfill resume {asked.id}` goes on with it", err=True)
        ctx.exit(ExitCode.CHECK_FAILED)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _line(found: "BackfillProgress") -> str:
    line = f"backfill {found.backfill.id}: {found.state}, {found.done} of {_runs(len(found.backfill.ranges))} done"
    if found.waiting is not None:
        line += f", {found.waiting.days[0]}..{found.waiting.days[1]} in flight"
    elif found.state == "waiting":
        line += ", Dagster's daemon asks for the next within seconds"
    return line + (f", {found.failed} failed" if found.failed else "")
