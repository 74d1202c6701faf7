"""`sensor-platform retention`: show or delete data that is older than the site keeps."""

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from sensor_platform.errors import ExitCode

if TYPE_CHECKING:
    from sensor_platform.alert.past_alerts import Forgotten
    from sensor_platform.home import Home
    from sensor_platform.retention.apply import Retention


@click.command(
    epilog="\b\nExample:\n  sensor-platform retention --dry-run\n  sensor-platform retention --apply\n"
    "  sensor-platform retention --apply --yes"
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Print what would be deleted (the default).")
@click.option("--apply", "is_applied", is_flag=True, help="Verify, delete, and print what was deleted.")
@click.option("--yes", "is_confirmed", is_flag=True, help="With --apply: the clock is right, take any step.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def retention(ctx: click.Context, is_dry: bool, is_applied: bool, is_confirmed: bool, as_json: bool) -> None:
    """Show or delete data that is older than the site keeps: tables, landing files, raw archive, drift, alerts.

    A day of a table is deleted only if the coarser tier agrees with it and is published. Dagster's upkeep does the same
    every hour. Exit code 1 if old data had to stay because the tiers do not agree.

    Ages are counted by the smaller of the clock and the newest arrival, and "today" moves by at most two days for each
    day with arrivals, so that a clock that is ahead deletes nothing. A longer step waits for --apply --yes, which also
    moves a landing floor back that lies in the future.
    """
    if is_dry and is_applied:
        raise click.UsageError("--dry-run and --apply exclude each other")
    if is_confirmed and not is_applied:
        raise click.UsageError("--yes confirms --apply, and is not used without it")
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.long_steps import long_steps
    from sensor_platform.retention.apply import apply, plan
    from sensor_platform.settings import load_settings

    settings = load_settings()
    site = settings.site
    run, now = apply if is_applied else plan, now_micros()
    found = run(settings.home, site, site.retention, site.landing.raw_keep_days, now, is_confirmed=is_confirmed)
    alerts = _alerts(settings.home, site.retention.alerts_days, now, is_applied=is_applied)
    waiting = long_steps(settings.home, site.retention.landing_days, now)
    if as_json:
        body = asdict(found) | {"live": asdict(alerts), "applied": is_applied}
        body["waiting"] = [asdict(each) for each in waiting]
        click.echo(json.dumps(body, default=str))
    else:
        _show(found, alerts, "deleted" if is_applied else "would delete")
        for each in waiting:
            click.echo(f"waits: {each.detail}\nhint: {each.hint}")
    if any("not hold the same" in each.why for each in found.kept):
        click.echo("error: a coarser tier does not hold what a finer one holds; those days were kept", err=True)
        click.echo("hint: build those days again (`sensor-platform backfill run`), then look once more", err=True)
        ctx.exit(ExitCode.CHECK_FAILED)


def _alerts(home: "Home", days: int, now: int, *, is_applied: bool) -> "Forgotten":
    """What leaves the live store, by the same clock as everything else."""
    from sensor_platform.alert.past_alerts import Forgotten, forget_past, past
    from sensor_platform.kernel.clock import DAY
    from sensor_platform.landing.ledger import read_ledger, retention_clock

    with read_ledger(home) as ledger:
        clock = retention_clock(ledger, now) if ledger and days else None
    if clock is None:
        return Forgotten()
    return (forget_past if is_applied else past)(home, clock.today - days * DAY)


def _show(found: "Retention", alerts: "Forgotten", verb: str) -> None:
    for table, group in groupby(found.days, key=lambda each: each.table):
        days = list(group)
        click.echo(
            f"{verb} {table}: {days[0].day}..{days[-1].day}, {len(days)} days, {sum(d.windows for d in days)} windows,"
            f" {sum(d.rows for d in days):,} rows, {sum(len(d.files) for d in days)} files,"
            f" {sum(d.bytes for d in days):,} bytes"
        )
    for name, files in (("landing", found.landing), ("raw", found.raw)):
        if files:
            rows, size = sum(each.rows for each in files), sum(each.bytes for each in files)
            click.echo(f"{verb} {name}: {len(files)} files, {rows:,} rows, {size:,} bytes")
    if alerts.alerts or alerts.messages:
        click.echo(f"{verb} live: {alerts.alerts:,} resolved alerts with their events, {alerts.messages:,} messages")
    if found.floor is not None:
        click.echo(f"days before {found.floor} can no longer be built again")
    if found.lowered is not None:
        click.echo(f"the landing floor was in the future; days from {found.lowered} on are built again")
    for kept in found.kept:
        click.echo(f"kept {kept.table} {kept.day}: {kept.why}")
    click.echo(f"{verb} {found.rows:,} rows, {found.files:,} files, {found.bytes:,} bytes in all")
