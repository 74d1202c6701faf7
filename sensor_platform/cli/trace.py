"""`sensor-platform trace`: find the messages behind a row of a table."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from sensor_platform.cli.moments import MOMENT

if TYPE_CHECKING:
    from sensor_platform.warehouse.trace import Message, Origin, Trace

_PAYLOAD = 200


@click.command(
    epilog="\b\nExample:\n  sensor-platform trace --device press-7 --metric temperature --at 2026-03-01T12:34\n"
    "  sensor-platform trace --device press-7 --metric temperature --at 2026-03-01T12:34:05Z --table readings_clean",
)
@click.option("--device", required=True, metavar="ID", help="Device of the row.")
@click.option("--metric", metavar="NAME", help="Metric of the row (default: all metrics).")
@click.option("--at", required=True, type=MOMENT, help="A time in the row's window, UTC.")
@click.option("--table", default="readings_1h", show_default=True, help="A table of the warehouse.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Number of readings to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def trace(device: str, metric: str | None, at: datetime, table: str, limit: int, as_json: bool) -> None:
    """Trace a row of any table back to its readings, landing files and messages.

    Prints file, segment and position of each reading, and the payload if the WAL or the raw archive still has it. Takes
    no lock.
    """
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.trace import trace as run

    settings = load_settings()
    found = run(settings.home, settings.site, table, device, metric, at, limit)
    if as_json:
        click.echo(json.dumps(_as_json(found)))
    else:
        _show(found)


def _as_json(found: "Trace") -> dict[str, Any]:
    return {
        "table": found.table,
        "window_start": found.window_start.isoformat(),
        "window_end": found.window_end.isoformat(),
        "readings": found.total,
        "origins": [
            _origin(origin) | {"message": _message(found.messages.get((origin.segment, origin.position)))}
            for origin in found.origins
        ],
    }


def _origin(origin: "Origin") -> dict[str, Any]:
    return {
        "event_at": origin.event_at.isoformat(),
        "received_at": origin.received_at.isoformat(),
        "metric": origin.metric,
        "value": origin.value,
        "text": origin.text,
        "topic": origin.topic,
        "message_id": origin.message_id,
        "file": origin.file,
        "segment": origin.segment,
        "position": origin.position,
    }


def _message(message: "Message | None") -> dict[str, Any] | None:
    """Text of a payload; bytes that are not UTF-8 are shown in hexadecimal."""
    if message is None:
        return None
    payload = message.envelope.payload
    try:
        shown: dict[str, Any] = {"payload": payload.decode()}
    except UnicodeDecodeError:
        shown = {"payload_hex": payload.hex()}
    return {"file": message.file, "start": message.frame_start, "end": message.frame_end} | shown


def _show(found: "Trace") -> None:
    click.echo(f"{found.table} {found.window_start:%Y-%m-%d %H:%M:%S} UTC: {found.total} readings")
    for origin in found.origins:
        value = origin.text if origin.value is None else origin.value
        click.echo(f"{origin.event_at:%Y-%m-%dT%H:%M:%S.%fZ}  {origin.metric} = {value}  topic {origin.topic}")
        click.echo(f"    {origin.file}  segment {origin.segment}  position {origin.position}")
        message = _message(found.messages.get((origin.segment, origin.position)))
        if message is None and origin.segment.startswith("import-"):
            click.echo("    imported: the position is the row, from 0; files are not in the raw archive")
        elif message is None:
            click.echo("    its message is no longer in the raw archive")
        else:
            payload = message.get("payload") or message.get("payload_hex", "")
            short = payload if len(payload) <= _PAYLOAD else f"{payload[:_PAYLOAD]}..."
            click.echo(f"    {message['file']}  bytes {message['start']}..{message['end']}  {short}")
    if found.total > len(found.origins):
        click.echo(f"{found.total - len(found.origins)} more; see --limit")
