"""`sensor-platform reland`: land again from the raw archive."""

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

import click

from sensor_platform.cli.moments import DAY

if TYPE_CHECKING:
    from sensor_platform.landing.integrity.reland import Relanded
    from sensor_platform.landing.integrity.reland_change import SegmentChange


@click.command(
    epilog="\b\nExample:\n  sensor-platform reland --from 2026-03-01 --to 2026-03-03 --dry-run\n"
    "  sensor-platform reland   # everything that the raw archive has",
)
@click.option("--from", "start", type=DAY, help="First day of arrival, UTC.")
@click.option("--to", "end", type=DAY, help="Last day of arrival, included.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only print what would change, by segment.")
@click.option("--yes", "may_lose", is_flag=True, help="Also where messages give fewer readings than before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def reland(start: date | None, end: date | None, is_dry: bool, may_lose: bool, as_json: bool) -> None:
    """Land again from the raw archive, under the contracts in force now.

    Decodes messages again, for instance after a contract was corrected, and restores damaged files. The next run
    rebuilds the slots that change. Messages older than the raw archive stay as they are. May be killed and repeated.
    Exit code 1, and nothing is changed, if landed readings would be lost and --yes is not given.
    """
    from sensor_platform.cli.segment_changes import refuse_loss
    from sensor_platform.errors import WrongUse
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.integrity.reland import contracts_of, plan_reland
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
    with changes_lock(settings.home, "reland", wait_seconds=wait):
        if is_dry or not may_lose:
            changes = list(plan_reland(settings.home, contracts, now_micros, days))
            if is_dry:
                _show_plan(changes, as_json=as_json)
                return
            refuse_loss(changes, "sensor-platform reland")
        with writer_lock(settings.home, "reland", wait_seconds=wait):
            done = run(settings.home, contracts, now_micros, days, _say)
    _show(done, as_json=as_json)


def _show_plan(changes: "list[SegmentChange]", *, as_json: bool) -> None:
    from sensor_platform.cli.segment_changes import as_json as segments
    from sensor_platform.cli.segment_changes import lines

    sums = {
        "segments": len(changes),
        "readings_before": sum(change.rows_before for change in changes),
        "readings": sum(change.rows_after for change in changes),
        "lost": sum(change.lost for change in changes),
    }
    if as_json:
        click.echo(json.dumps(sums | {"changes": segments(changes)}))
        return
    for line in lines(changes):
        click.echo(line)
    click.echo(
        f"would land {sums['segments']} segments again: {sums['readings_before']} -> {sums['readings']} readings,"
        f" {sums['lost']} lost"
    )


def _show(done: "Relanded", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(
            f"{done.segments} segments, {done.messages} messages, {done.readings} readings"
            f" ({done.readings - done.readings_before:+d} to before)"
        )
        for name in done.restored:
            click.echo(f"restored: {name}")
    if done.skipped:
        why = "their archive is gone, or rows of them were dropped from the quarantine"
        click.echo(f"{len(done.skipped)} segments were not landed again: {why}", err=True)


def _say(done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        click.echo(f"reland: {done} of {total} segments", err=True)
