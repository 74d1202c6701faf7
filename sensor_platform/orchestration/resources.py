"""What every run is handed: the settings, and with them the lock that shows that the run lives."""

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from sensor_platform.orchestration.launcher.liveness_lock import alive
from sensor_platform.orchestration.partitions import SETTINGS
from sensor_platform.settings import Settings


@resource(description="Data folder, site and broker of this process.")
def settings(context: InitResourceContext) -> Iterator[Settings]:
    """The settings of this process, for as long as the run lasts."""
    if context.run is None:
        yield SETTINGS
        return
    with alive(SETTINGS.home, context.run.run_id):
        yield SETTINGS
