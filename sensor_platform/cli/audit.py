"""`sensor-platform audit`: received = landed + quarantined + duplicate + forgotten messages, and the state of files."""

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from sensor_platform.cli.moments import MOMENT
from sensor_platform.errors import ExitCode

if TYPE_CHECKING:
    from sensor_platform.landing.integrity.audit import Audit, HourAudit
    from sensor_platform.landing.integrity.verify import Verification

_SHOWN = 20


@click.command(
    epilog="\b\nExample:\n  sensor-platform audit --from 2026-03-01 --to 2026-03-02\n  sensor-platform audit --verify\n"
    "  sensor-platform audit --json | jq .difference",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--device", metavar="ID", help="Only this device, from the lander's counts.")
@click.option("--from", "start", type=MOMENT, help="First hour of arrival, UTC: a day or a time.")
@click.option("--to", "end", type=MOMENT, help="End of the hours of arrival, excluded.")
@click.option("--verify", is_flag=True, help="Verify the SHA-256 of every file; damaged files are set aside.")
@click.pass_context
def audit(
    ctx: click.Context, as_json: bool, device: str | None, start: datetime | None, end: datetime | None, verify: bool
) -> None:
    """Prove that every received message was landed, quarantined, a duplicate or forgotten.

    For every hour of arrival, received (counted by the collector) minus the outcomes (counted by the lander) must be 0.
    Also lists missing sequence numbers of devices, offsets that Kafka had dropped, and damaged files. Messages in the
    WAL count as pending. Exit code 1 if anything is missing, doubled or damaged.
    """
    from sensor_platform.kernel.clock import to_micros
    from sensor_platform.landing.integrity.audit import ALL
    from sensor_platform.landing.integrity.audit import audit as make_audit
    from sensor_platform.settings import load_settings

    home = load_settings().home
    span = (to_micros(start) if start else ALL[0], to_micros(end) if end else ALL[1])
    verified = _verify(start, end) if verify else None
    found = make_audit(home, span, device)
    if as_json:
        click.echo(json.dumps(_as_json(found, verified)))
    else:
        _show(found, verified)
    if not found.is_whole:
        _explain(found)
        ctx.exit(ExitCode.CHECK_FAILED)


def _verify(start: datetime | None, end: datetime | None) -> "Verification":
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.integrity.verify import verify
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.file.writer_lock import writer_lock

    settings = load_settings()
    days = (start.date() if start else date.min, end.date() if end else date.max) if start or end else None
    with writer_lock(settings.home, "audit", wait_seconds=settings.site.warehouse.lock_wait_seconds):
        return verify(settings.home, now_micros(), days)


def _as_json(found: "Audit", verified: "Verification | None") -> dict[str, Any]:
    report: dict[str, Any] = {
        "hours": [_row(hour) for hour in found.hours],
        "difference": found.difference,
        "pending": {
            "segments": found.pending_segments,
            "messages": found.pending_messages,
            "unsealed": found.unsealed_segments,
        },
        "missing": [
            {"device": each.device_id, "first": each.first, "last": each.last, "count": each.count}
            for each in found.missing
        ],
        "damaged_bytes": found.damaged_bytes,
        "damaged_files": [
            {"file": each.file, "what": each.what, "rows": each.rows, "aside": each.aside}
            for each in found.damaged_files
        ],
        "late_frozen": found.late_frozen,
        "gaps": [
            {
                "topic": each.topic,
                "partition": each.partition,
                "first": each.first,
                "last": each.last,
                "count": each.count,
            }
            for each in found.gaps
        ],
    }
    if verified is not None:
        report["verified"] = {
            "files": verified.files,
            "bytes": verified.bytes,
            "found": [each.file for each in verified.damaged],
            "restored": list(verified.restored),
        }
    return report


def _row(hour: "HourAudit") -> dict[str, str | int]:
    return {
        "hour": datetime.fromtimestamp(hour.hour / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "received": hour.received,
        "landed": hour.landed,
        "quarantined": hour.quarantined,
        "duplicate": hour.duplicate,
        "forgotten": hour.forgotten,
        "difference": hour.difference,
        "rejected_readings": hour.rejected_readings,
    }


def _show(found: "Audit", verified: "Verification | None") -> None:
    names = ("hour", "received", "landed", "quarantined", "duplicate", "forgotten", "difference")
    click.echo("  ".join(f"{name:>20}" if name == "hour" else f"{name:>12}" for name in names))
    for row in map(_row, found.hours):
        click.echo("  ".join(f"{row[name]:>20}" if name == "hour" else f"{row[name]:>12}" for name in names))
    unsealed = f", {found.unsealed_segments} of them still written" if found.unsealed_segments else ""
    click.echo(f"pending: {found.pending_messages} messages in {found.pending_segments} segments{unsealed}")
    for each in found.missing[:_SHOWN]:
        click.echo(f"missing: {each.device_id} {each.first}..{each.last} ({each.count} messages)")
    if len(found.missing) > _SHOWN:
        click.echo(f"missing: {len(found.missing) - _SHOWN} more ranges, see --json")
    for gap in found.gaps:
        click.echo(
            f"gap: offsets {gap.first}..{gap.last} of {gap.topic}/{gap.partition} were gone before they were read"
        )
    if found.damaged_bytes:
        click.echo(f"damaged: {found.damaged_bytes} bytes of segments could not be read; they are in aside/")
    for file in found.damaged_files:
        where = f"; it is {file.aside}" if file.aside else ""
        click.echo(f"damaged: {file.file} ({file.rows} rows) {file.what}{where}")
    if found.late_frozen:
        click.echo(f"late: {found.late_frozen} readings lie below the landing floor, and are in no table")
    if verified is not None:
        click.echo(f"verified: {verified.files} files, {verified.bytes:,} bytes, {len(verified.damaged)} damaged")
        for name in verified.restored:
            click.echo(f"restored: {name}")
    click.echo(f"difference: {found.difference}")


def _explain(found: "Audit") -> None:
    """One line that lists what is wrong, with a hint for the first item."""
    if found.difference:
        click.echo("error: messages without a fate, or with more than one", err=True)
        click.echo("hint: compare the hours with the manifests in ledger/segments and the archive in raw/", err=True)
    elif found.damaged_files:
        click.echo(f"error: {len(found.damaged_files)} files are damaged or missing", err=True)
        click.echo(
            "hint: `sensor-platform reland` makes them again while the raw archive has them; else put them back"
            " where they were from a backup and run `sensor-platform audit --verify`",
            err=True,
        )
    elif found.missing:
        lost = sum(each.count for each in found.missing)
        click.echo(f"error: devices counted {lost} messages that never arrived", err=True)
        click.echo(
            "hint: look at the devices' buffers and the broker's queue limits (`sensor-platform doctor`)", err=True
        )
    elif found.gaps:
        lost = sum(each.count for each in found.gaps)
        click.echo(f"error: {lost} offsets of Kafka were gone before they were read", err=True)
        click.echo("hint: keep records longer in Kafka (retention.ms) than this collector can be away", err=True)
    else:
        click.echo("error: bytes of segments could not be read", err=True)
        click.echo(
            "hint: check the disk; the bytes are in aside/, and devices that count show what was in them", err=True
        )
