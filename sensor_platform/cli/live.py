"""`sensor-platform live`: run the page, alerts, metrics and the API."""

import logging
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.live.config import LiveConfig
    from sensor_platform.live.live_setup import LiveSetup
    from sensor_platform.settings import Settings


@click.command(epilog="\b\nExample:\n  sensor-platform live\n  sensor-platform live --port 0")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port instead of the site's live.port; 0 for any free port."
)
@click.option("--host", help="Host instead of the site's live.host.")
@click.option("--dagster-url", help="URL instead of the site's live.dagster_url.")
def live(port: int | None, host: str | None, dagster_url: str | None) -> None:
    """Follow the collector live: windows, alarms, notifications, page, API and metrics, until stopped.

    Prints one line, the URL of the page, when it is ready; logs go to stderr. Runs without a collector, but then has no
    new data. May be killed at any time: the next start continues where it stopped.
    """
    import dataclasses

    import msgspec

    from sensor_platform.live.process import run
    from sensor_platform.reload.site_watch import SiteWatch

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("apprise", "paho", "urllib3", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    watch = SiteWatch("live")
    changes = {
        name: value
        for name, value in (("port", port), ("host", host), ("dagster_url", dagster_url))
        if value is not None
    }

    def setup_of(settings: "Settings") -> "LiveSetup":
        return live_setup(settings, msgspec.structs.replace(settings.site.live, **changes))

    setup = dataclasses.replace(setup_of(watch.settings), reloading=watch.following(setup_of))
    try:
        run(setup, lambda url: print(url, flush=True))  # noqa: T201 - the line that the starting process reads
    finally:
        watch.end()


def live_setup(settings: "Settings", live: "LiveConfig") -> "LiveSetup":
    """Build the setup of a live process.

    Args:
        settings: settings of this process.
        live: replaces the site's section `live`.
    """
    from sensor_platform.landing.device_freshness import FreshnessLimits
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
        freshness=FreshnessLimits(
            site.freshness["landing"].fail_minutes, site.freshness_devices.share, site.freshness_devices.heard_hours
        ),
        live=live,
        alerts=site.alerts,
        contracts=site.contracts,
        catalog=site.catalog,
        broker=settings.broker,
        uplink=settings.uplink,
        token=settings.live_token,
        variables=environ_with({}),
        site_folder=settings.site_folder,
    )
