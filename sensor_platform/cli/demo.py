"""`sensor-platform demo`: run the whole platform on replayed real data."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from sensor_platform.collect.brokers.local import BrokerKind


@click.command(epilog="Example: sensor-platform demo --exit")
@click.option("--exit", "ends_by_itself", is_flag=True, help="Stop at the end; exit code 0 only if every check passed.")
@click.option(
    "--speed",
    type=click.FloatRange(min=1.0),
    default=2880.0,
    show_default=True,
    help="Seconds of data per second while the last 24 hours are replayed.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data-demo"),
    show_default=True,
    help="Data folder of the demo; the next demo replaces it.",
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

    First the history, as fast as possible; then the last 24 hours, so that predictions can be compared with actuals.
    The ledger sensor requests every run; the demo materialises nothing itself. It runs until Ctrl-C and then stops
    every process that it started; the data stay. Exit code 0 only if every sent message was landed, quarantined or a
    duplicate, and predictions have actuals.
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
        console = Console(soft_wrap=True, width=140)  # a log file has no width at which to wrap
    with contextlib.ExitStack() as stack:
        show: Show = PlainShow(console)
        if console.is_terminal:
            show = stack.enter_context(contextlib.closing(LiveShow(console)))
        return run_demo(options, show, datetime.now(UTC))
