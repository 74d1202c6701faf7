"""`sensor-platform replay`: publish a file's rows as MQTT messages."""

import json
from datetime import datetime
from pathlib import Path

import click

from sensor_platform.errors import ExitCode


class _Speed(click.ParamType["float"]):
    name = "X|max"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == "max":
            return float("inf")
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not speed > 0:
            self.fail(f"{value!r} is neither a positive number nor 'max'", param, ctx)
        return speed


_ISO = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])


@click.command(epilog="Example: sensor-platform replay air.parquet --device-column station --shift-to-now --speed 3600")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--device-column", help="Column with the device (default: found by common names).")
@click.option("--time-column", help="Column with the event time (default: found by common names).")
@click.option("--topic", default="sensors/{device}", show_default=True, help="Template: {device} or any {column}.")
@click.option("--speed", type=_Speed(), default="max", show_default=True, help="Seconds of data per second, or max.")
@click.option("--shift-to-now", is_flag=True, help="Move all times by whole hours so that the last row is now.")
@click.option(
    "--timezone", default="UTC", show_default=True, help="Zone of times without one, e.g. Asia/Shanghai, +08:00."
)
@click.option("--naive-time", is_flag=True, help="Send local times of that zone, without the zone.")
@click.option("--from", "first", type=_ISO, help="Skip rows before this time (in the file's clock).")
@click.option("--to", "last", type=_ISO, help="Skip rows from this time on.")
@click.option("--keep-names", is_flag=True, help="Keep the names of the device and time columns.")
@click.option("--qos", type=click.IntRange(0, 2), default=1, show_default=True, help="MQTT quality of service.")
def replay(
    *,
    file: Path,
    device_column: str | None,
    time_column: str | None,
    topic: str,
    speed: float,
    shift_to_now: bool,
    timezone: str,
    naive_time: bool,
    first: datetime | None,
    last: datetime | None,
    keep_names: bool,
    qos: int,
) -> int:
    """Publish a Parquet, CSV or NDJSON file: one wide JSON message per row, nulls and NaN left out.

    Each message has device_id, timestamp and a seq that grows per device. Prints one JSON line: sent, acknowledged,
    seconds. Exit code 1 if a message was not acknowledged.
    """
    from datetime import UTC, timedelta

    from sensor_platform.demo.replay_table import read_table
    from sensor_platform.devices.pacing import send_on_schedule
    from sensor_platform.devices.publisher import Publisher, PublisherOptions
    from sensor_platform.devices.replay_rows import ReplayPlan, RowEncoder, between, paced, parse_zone, shift_to
    from sensor_platform.settings import load_settings

    broker = load_settings().broker
    zone = parse_zone(timezone)
    table = read_table(file, device_column, time_column)
    plan = ReplayPlan(
        topic=topic,
        device_column=table.device_column,
        device=file.stem,
        time_column=table.time_column,
        zone=zone,
        naive_time=naive_time,
        shift=shift_to(datetime.now(UTC), table.newest(zone)) if shift_to_now else timedelta(0),
        keep_names=keep_names,
    )
    start, end = (time.replace(tzinfo=zone) + plan.shift if time else None for time in (first, last))
    messages = between(RowEncoder(plan).messages(table.rows()), start, end)
    with Publisher(broker, PublisherOptions(qos=qos)) as publisher:
        took = send_on_schedule(paced(messages, None if speed == float("inf") else speed), publisher)
        is_complete = publisher.drain()
        click.echo(
            json.dumps({"sent": publisher.sent, "acknowledged": publisher.acknowledged, "seconds": round(took, 3)})
        )
    return ExitCode.OK if is_complete else ExitCode.CHECK_FAILED
