"""`sensor-platform simulate`: made-up devices publish at a steady rate."""

import json

import click

from sensor_platform.errors import ExitCode


@click.command(epilog="Example: sensor-platform simulate --devices 100 --rate 1000 --seconds 60")
@click.option("--devices", type=click.IntRange(1, 99_999), default=10, show_default=True, help="Number of devices.")
@click.option(
    "--rate",
    type=click.FloatRange(0.001, 1_000_000),
    default=10.0,
    show_default=True,
    help="Messages a second, all devices together.",
)
@click.option("--seconds", type=click.FloatRange(0), default=10.0, show_default=True, help="How long.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same values.")
@click.option(
    "--first-seq", type=click.IntRange(0), default=1, show_default=True, help="First sequence number of each device."
)
@click.option("--topic", default="sensors/{device}", show_default=True, help="Topic; {device} is the device.")
@click.option("--qos", type=click.IntRange(0, 2), default=1, show_default=True, help="MQTT quality of service.")
def simulate(*, devices: int, rate: float, seconds: float, seed: int, first_seq: int, topic: str, qos: int) -> int:
    """Publish messages of made-up devices: device_id, seq, timestamp, temperature, humidity, pressure, battery.

    Prints one JSON line: sent, acknowledged, seconds. Exit code 1 when a message was not acknowledged.
    """
    from datetime import UTC, datetime

    from sensor_platform.collect.devices.pacing import send_on_schedule
    from sensor_platform.collect.devices.publisher import Publisher, PublisherOptions
    from sensor_platform.collect.devices.simulate import Simulation, simulated
    from sensor_platform.settings import load_settings

    simulation = Simulation(devices=devices, rate=rate, seconds=seconds, seed=seed, first_seq=first_seq, topic=topic)
    with Publisher(load_settings().broker, PublisherOptions(qos=qos)) as publisher:
        took = send_on_schedule(simulated(simulation, lambda: datetime.now(UTC)), publisher)
        is_complete = publisher.drain()
        click.echo(
            json.dumps({"sent": publisher.sent, "acknowledged": publisher.acknowledged, "seconds": round(took, 3)})
        )
    return ExitCode.OK if is_complete else ExitCode.CHECK_FAILED
