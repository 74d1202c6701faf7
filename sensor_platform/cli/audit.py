"""`sensor-platform audit`: the equation of received and landed, quarantined and duplicate messages."""

import json

import click

from sensor_platform.errors import ExitCode


@click.command(
    epilog="\b\nExample:\n  sensor-platform audit\n  sensor-platform audit --json | jq .difference",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--device", metavar="ID", help="Only this device, as the lander counted it.")
@click.pass_context
def audit(ctx: click.Context, as_json: bool, device: str | None) -> None:
    """Prove that every received message was landed, quarantined or a duplicate.

    By hour of arrival: received (the collector's own count) minus the fates (the lander's) must be 0. Messages that
    wait in the WAL are shown as pending. Exit code 1 where there is a difference.
    """
    from sensor_platform.landing.audit import audit as make_audit
    from sensor_platform.landing.audit import audit_device
    from sensor_platform.reading.times import moment
    from sensor_platform.settings import load_settings

    home = load_settings().home
    found = make_audit(home)
    hours = audit_device(home, device) if device is not None else found.hours
    difference = sum(abs(hour.difference) for hour in hours)
    rows: list[dict[str, str | int]] = [
        {
            "hour": moment(hour.hour).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "received": hour.received,
            "landed": hour.landed,
            "quarantined": hour.quarantined,
            "duplicate": hour.duplicate,
            "difference": hour.difference,
            "rejected_readings": hour.rejected_readings,
        }
        for hour in hours
    ]
    if as_json:
        pending = {"segments": found.pending_segments, "messages": found.pending_messages}
        report = {"hours": rows, "difference": difference, "pending": pending, "damaged_bytes": found.damaged_bytes}
        click.echo(json.dumps(report))
    else:
        _show(rows)
        click.echo(f"pending: {found.pending_messages} messages in {found.pending_segments} segments")
        if found.damaged_bytes:
            click.echo(f"damaged: {found.damaged_bytes} bytes of segments could not be read; they are in aside/")
        click.echo(f"difference: {difference}")
    if difference:
        click.echo("error: messages without a fate, or with more than one", err=True)
        click.echo("hint: compare the hours with the manifests in ledger/segments and the archive in raw/", err=True)
        ctx.exit(ExitCode.CHECK_FAILED)


def _show(rows: list[dict[str, str | int]]) -> None:
    names = ("hour", "received", "landed", "quarantined", "duplicate", "difference")
    click.echo("  ".join(f"{name:>20}" if name == "hour" else f"{name:>12}" for name in names))
    for row in rows:
        click.echo("  ".join(f"{row[name]:>20}" if name == "hour" else f"{row[name]:>12}" for name in names))
