"""The resource of every run: the settings, and the lock that shows that the run is alive."""

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from sensor_platform.orchestration.launcher.liveness_lock import alive
from sensor_platform.orchestration.site_in_force import settings_now, settings_of_run
from sensor_platform.settings import Settings


@resource(description="Data folder, site and broker in force.")
def settings(context: InitResourceContext) -> Iterator[Settings]:
    """Yield the settings in force at the start of a tick or a run; a run counts as alive meanwhile."""
    if context.run is None:
        yield settings_now()
        return
    found = settings_of_run()
    with alive(found.home, context.run.run_id):
        yield found
