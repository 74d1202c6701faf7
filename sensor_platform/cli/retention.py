"""`sensor-platform retention`: show or delete data that is older than the site keeps."""

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from sensor_platform.errors import ExitCode

if TYPE_CHECKING:
    from sensor_platform.retention.apply import Retention


@click.command(epilog="\b\nExample:\n  sensor-platform retention --dry-run\n  sensor-platform retention --apply")
@click.option("--dry-run", "is_dry", is_flag=True, help="Print what would be deleted (the default).")
@click.option("--apply", "is_applied", is_flag=True, help="Verify, delete, and print what was deleted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def retention(ctx: click.Context, is_dry: bool, is_applied: bool, as_json: bool) -> None:
    """Show or delete data that is older than the site keeps: tables, landing files, raw archive.

    A day of a table is deleted only if the coarser tier agrees with it and is published. Dagster's upkeep does the same
    every hour. Exit code 1 if old data had to stay because the tiers do not agree.
    """
    if is_dry and is_applied:
        raise click.UsageError("--dry-run and --apply exclude each other")
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.retention.apply import apply, plan
    from sensor_platform.settings import load_settings

    settings = load_settings()
    site = settings.site
    run = apply if is_applied else plan
    found = run(settings.home, site, site.retention, site.landing.raw_keep_days, now_micros())
    if as_json:
        click.echo(json.dumps(asdict(found) | {"applied": is_applied}, default=str))
    else:
        _show(found, "deleted" if is_applied else "would delete")
    if any("not hold the same" in each.why for each in found.kept):
        click.echo("error: a coarser tier does not hold what a finer one holds; those days were kept", err=True)
        click.echo("hint: build those days again (`sensor-platform backfill run`), then look once more", err=True)
        ctx.exit(ExitCode.CHECK_FAILED)


def _show(found: "Retention", verb: str) -> None:
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
    if found.floor is not None:
        click.echo(f"days before {found.floor} can no longer be built again")
    for kept in found.kept:
        click.echo(f"kept {kept.table} {kept.day}: {kept.why}")
    click.echo(f"{verb} {found.rows:,} rows, {found.files:,} files, {found.bytes:,} bytes in all")
