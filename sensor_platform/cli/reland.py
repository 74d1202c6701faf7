"""`sensor-platform reland`: land again from the raw archive."""

from datetime import date

import click

from sensor_platform.cli.moments import DAY


@click.command(
    epilog="\b\nExample:\n  sensor-platform reland --from 2026-03-01 --to 2026-03-03\n"
    "  sensor-platform reland   # everything that the raw archive has",
)
@click.option("--from", "start", type=DAY, help="First day of arrival, UTC.")
@click.option("--to", "end", type=DAY, help="Last day of arrival, included.")
def reland(start: date | None, end: date | None) -> None:
    """Land again from the raw archive, under the contracts in force now.

    Decodes messages again, for instance after a contract was corrected, and restores damaged files. The next run
    rebuilds the slots that change. Messages older than the raw archive stay as they are. May be killed and repeated.
    """
    from sensor_platform.errors import WrongUse
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.integrity.reland import contracts_of
    from sensor_platform.landing.integrity.reland import reland as run
    from sensor_platform.landing.lander_lock import changes_lock
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.file.writer_lock import writer_lock

    if start and end and end < start:
        raise WrongUse(f"the range ends on {end}, before it begins on {start}", "give the earlier day first")
    settings = load_settings()
    site = settings.site
    contracts = contracts_of(site.contracts, site.landing, site.start, site.slot_minutes)
    days = (start or date.min, end or date.max) if start or end else None
    wait = site.warehouse.lock_wait_seconds
    with (
        changes_lock(settings.home, "reland", wait_seconds=wait),
        writer_lock(settings.home, "reland", wait_seconds=wait),
    ):
        done = run(settings.home, contracts, now_micros, days, _say)
    click.echo(
        f"{done.segments} segments, {done.messages} messages, {done.readings} readings"
        f" ({done.readings - done.readings_before:+d} to before)"
    )
    for name in done.restored:
        click.echo(f"restored: {name}")
    if done.skipped:
        why = "their archive is gone, or their quarantine was requeued or dropped"
        click.echo(f"{len(done.skipped)} segments were not landed again: {why}", err=True)


def _say(done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        click.echo(f"reland: {done} of {total} segments", err=True)
