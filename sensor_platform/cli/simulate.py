"""`sensor-platform simulate`: simulated devices publish at a steady rate."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from sensor_platform.errors import ExitCode

_SHARE = click.FloatRange(0, 1)


@click.command(epilog="Example: sensor-platform simulate --devices 100 --rate 1000 --seconds 60")
@click.option("--devices", type=click.IntRange(1, 99_999), default=10, show_default=True, help="Number of devices.")
@click.option(
    "--rate",
    type=click.FloatRange(0.001, 1_000_000),
    default=10.0,
    show_default=True,
    help="Messages per second of all devices together.",
)
@click.option("--seconds", type=click.FloatRange(0), default=10.0, show_default=True, help="Duration in seconds.")
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed of the values.")
@click.option(
    "--first-seq", type=click.IntRange(0), default=1, show_default=True, help="First sequence number of each device."
)
@click.option("--topic", default="sensors/{device}", show_default=True, help="Topic template; {device} is the device.")
@click.option(
    "--fleet",
    "fleet_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of devices, topics, payload shapes and metrics; instead of --devices, --rate and --topic.",
)
@click.option("--twice", type=_SHARE, default=0.0, help="Fraction of messages that a device sends twice.")
@click.option("--late", type=_SHARE, default=0.0, help="Fraction of messages that are sent late.")
@click.option(
    "--late-seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="Longest delay in seconds."
)
@click.option("--garbage", type=_SHARE, default=0.0, help="Fraction of messages followed by an undecodable payload.")
@click.option("--qos", type=click.IntRange(0, 2), default=1, show_default=True, help="MQTT quality of service.")
def simulate(
    *,
    devices: int,
    rate: float,
    seconds: float,
    seed: int,
    first_seq: int,
    topic: str,
    fleet_file: Path | None,
    twice: float,
    late: float,
    late_seconds: float,
    garbage: float,
    qos: int,
) -> int:
    """Publish messages of simulated devices: device_id, seq, timestamp, temperature, humidity, pressure, battery.

    With --fleet, publishes messages of the devices in the file. Prints one JSON line: sent, acknowledged, seconds, and
    the faults that were injected. Exit code 1 if a message was not acknowledged.
    """
    from sensor_platform.devices.faults import Faults, with_faults
    from sensor_platform.devices.fleet import fleet_messages, read_fleets
    from sensor_platform.devices.pacing import send_on_schedule
    from sensor_platform.devices.publisher import Publisher, PublisherOptions
    from sensor_platform.devices.simulated import Simulation, simulated
    from sensor_platform.settings import load_settings

    if fleet_file is not None:
        messages = fleet_messages(read_fleets(fleet_file), seconds, seed, first_seq, lambda _: _now())
    else:
        messages = simulated(Simulation(devices, rate, seconds, seed, first_seq, topic), _now)
    faults = Faults(twice, late, garbage, late_seconds, seed)
    happened: Counter[str] = Counter()
    with Publisher(load_settings().broker, PublisherOptions(qos=qos)) as publisher:
        took = send_on_schedule(with_faults(messages, faults, happened), publisher)
        is_complete = publisher.drain()
        counts = {"sent": publisher.sent, "acknowledged": publisher.acknowledged, "seconds": round(took, 3)}
        click.echo(json.dumps(counts | happened))
    return ExitCode.OK if is_complete else ExitCode.CHECK_FAILED


def _now() -> datetime:
    return datetime.now(UTC)
