"""The first partition: the later of the site's `start` and the first day in the ledger."""

from datetime import date, timedelta

from sensor_platform.home import Home
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.ledger import read_ledger, touched_extent
from sensor_platform.site import DEFAULT_START

_NEW_SITE_DAYS = timedelta(days=30)
"""Partitions that a new data folder begins with, so that history of a few weeks needs no reload."""


def first_partition(home: Home, start: date, today: date) -> date:
    """First day that has a partition.

    Args:
        home: the data folder.
        start: of the site. Where nothing has landed yet it counts if somebody has set it, or without a data folder.
        today: UTC.
    """
    with read_ledger(home) as ledger:
        extent = touched_extent(ledger) if ledger else None
    if extent is not None:
        return max(start, day_of(extent[0]))
    is_chosen = start != DEFAULT_START or not home.root.is_dir()
    return start if is_chosen else today - _NEW_SITE_DAYS
