"""`live`: the page, alarms, metrics and the API, until stopped."""

import logging
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.live.config import LiveConfig
    from sensor_platform.live.live_setup import LiveSetup
    from sensor_platform.settings import Settings


@click.command(epilog="\b\nExample:\n  sensor-platform live\n  sensor-platform live --port 0")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of live.port of the site; 0 takes a free one.")
@click.option("--host", help="Instead of live.host of the site.")
@click.option("--dagster-url", help="Instead of live.dagster_url of the site.")
def live(port: int | None, host: str | None, dagster_url: str | None) -> None:
    """Follow the collector live: windows, alarms, notifications, page, API and metrics, until stopped.

    Prints one line, the address of the page, when it can be opened; logs go to stderr. Needs no collector to run beside
    it, but follows nothing without one. May be killed at any moment: the next start continues exactly there.
    """
    import msgspec

    from sensor_platform.live.process import run
    from sensor_platform.settings import load_settings

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("apprise", "paho", "urllib3", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = load_settings()
    changes = {
        name: value
        for name, value in (("port", port), ("host", host), ("dagster_url", dagster_url))
        if value is not None
    }
    setup = live_setup(settings, msgspec.structs.replace(settings.site.live, **changes))
    run(setup, lambda url: print(url, flush=True))  # noqa: T201 - the line that the starting process reads


def live_setup(settings: "Settings", live: "LiveConfig") -> "LiveSetup":
    """Return what a live process is configured with.

    Args:
        settings: of the site.
        live: used instead of the site's own section `live`.
    """
    from sensor_platform.live.live_setup import LiveSetup
    from sensor_platform.settings import environ_with

    site = settings.site
    return LiveSetup(
        home=settings.home,
        site=site.name,
        start=site.start,
        slot_minutes=site.slot_minutes,
        collect=site.collect,
        landing=site.landing,
        live=live,
        alerts=site.alerts,
        contracts=site.contracts,
        catalog=site.catalog,
        broker=settings.broker,
        uplink=settings.uplink,
        token=settings.live_token,
        variables=environ_with({}),
    )
