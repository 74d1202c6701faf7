"""Whether the warehouse has seen everything that was landed, by the same rule that finds its work."""

from sensor_platform.home import Home
from sensor_platform.landing.ledger import generation, read_ledger, slots_between
from sensor_platform.site import Site
from sensor_platform.warehouse.cascade import Scope, work_list
from sensor_platform.warehouse.evidence import extent, state_copy
from sensor_platform.warehouse.lineage import DAY, MINUTE, models


def is_settled(home: Home, site: Site) -> bool:
    """True when no window of any table is dirty; false while nothing was landed."""
    slot = site.slot_minutes * MINUTE
    known = models(site.warehouse.large_piece)
    with read_ledger(home) as connection:
        touched = extent(connection) if connection else None
        if connection is None or touched is None:
            return False
        first, last = touched[0] - DAY, touched[1] + 2 * DAY
        work = work_list(
            list(known.values()),
            slots_between(connection, first, last),
            state_copy(connection, known, 0, last),
            generation=generation(connection),
            slot=slot,
            scope=Scope(first, last),
            everything=False,
        )
    return not any(work.values())
