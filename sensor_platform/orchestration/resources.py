"""The resource of every run: the settings, and the lock that shows that the run is alive."""

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from sensor_platform.orchestration.launcher.liveness_lock import alive
from sensor_platform.orchestration.partitions import SETTINGS
from sensor_platform.settings import Settings


@resource(description="Data folder, site and broker of this process.")
def settings(context: InitResourceContext) -> Iterator[Settings]:
    """Yield the settings of this process; the run counts as alive meanwhile."""
    if context.run is None:
        yield SETTINGS
        return
    with alive(SETTINGS.home, context.run.run_id):
        yield SETTINGS
