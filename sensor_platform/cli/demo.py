"""`sensor-platform demo`: the whole platform on replayed real data."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from sensor_platform.collect.brokers.local import BrokerKind


@click.command(epilog="Example: sensor-platform demo --exit")
@click.option("--exit", "ends_by_itself", is_flag=True, help="End by itself, with exit code 0 only if all went well.")
@click.option(
    "--speed",
    type=click.FloatRange(min=1.0),
    default=2880.0,
    show_default=True,
    help="Seconds of data per second while the last 24 hours are played.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data-demo"),
    show_default=True,
    help="The demo's own data folder; a second demo replaces it.",
)
@click.option(
    "--site",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Site folder, with a replay.yaml if it brings its own data. Default: examples/demo.",
)
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "amqtt"]),
    default="auto",
    show_default=True,
    help="mosquitto if it is on PATH, else amqtt, which is embedded and not durable.",
)
def demo(*, ends_by_itself: bool, speed: float, home: Path, site: Path | None, broker: str) -> int:
    """Run broker, collector and Dagster on this machine, and replay three months of real data into them.

    History goes first, as fast as it goes; then the last 24 hours, so that predictions stand beside what came. The
    ledger sensor asks for every run; the demo materialises nothing itself. It stays up until Ctrl-C and then stops
    every process that it started; the data stay. Exit code 0 only if every message sent was landed, quarantined or a
    duplicate, and predictions stand beside their actuals.
    """
    import contextlib
    from datetime import UTC, datetime

    from rich.console import Console

    from sensor_platform.demo.demo_home import SHIPPED_SITE
    from sensor_platform.demo.run import DemoOptions, run_demo
    from sensor_platform.demo.show import LiveShow, PlainShow, Show

    options = DemoOptions(home, site or SHIPPED_SITE, speed, ends_by_itself, cast("BrokerKind", broker))
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console = Console(soft_wrap=True, width=140)  # a log has no edge to wrap at
    with contextlib.ExitStack() as stack:
        show: Show = PlainShow(console)
        if console.is_terminal:
            show = stack.enter_context(contextlib.closing(LiveShow(console)))
        return run_demo(options, show, datetime.now(UTC))
