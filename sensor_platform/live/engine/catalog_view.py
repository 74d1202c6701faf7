"""The site's catalog in the form that the engine uses; the tables are checked with the same files."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path

from sensor_platform.kernel.clock import to_micros
from sensor_platform.stream.look_back import LookBackLimits
from sensor_platform.stream.series import NEVER
from sensor_platform.stream.verdicts import FOREVER, CalibrationInterval, EngineCatalog
from sensor_platform.warehouse.catalog import read_catalog


def catalog_of(folder: Path | None) -> EngineCatalog:
    """Read limits, units and calibrations of a site.

    Args:
        folder: of the catalog; None for an empty one.

    Raises:
        WrongUse: naming file and line of the first mistake.
    """
    found = read_catalog(folder)
    calibrations: defaultdict[tuple[str, str], list[CalibrationInterval]] = defaultdict(list)
    for row in found.calibration:
        period = CalibrationInterval(row.gain, row.offset, _at(row.valid_from, NEVER), _at(row.valid_to, FOREVER))
        calibrations[row.device_id, row.metric].append(period)
    return EngineCatalog(
        limits={row.metric: (row.min, row.max) for row in found.metrics},
        calibrations=calibrations,
        units={row.metric: row.unit for row in found.metrics if row.unit},
        look_back={
            row.metric: LookBackLimits(
                row.max_change_per_s,
                round(row.compare_within_s * 1e6),
                None if row.stuck_after_s is None else round(row.stuck_after_s * 1e6),
            )
            for row in found.metrics
            if row.max_change_per_s is not None or row.stuck_after_s is not None
        },
    )


def _at(plain: datetime | None, otherwise: int) -> int:
    """Convert a plain UTC time to microseconds since the epoch."""
    return otherwise if plain is None else to_micros(plain)
