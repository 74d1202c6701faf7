"""The site's catalog as the engine wants it: the same files that the tables are judged by."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from sensor_platform.reading.times import micros
from sensor_platform.stream.judge import FOREVER, Calibration, Catalog
from sensor_platform.stream.series import NEVER
from sensor_platform.warehouse.catalog import read_calibration, read_metrics


def catalog_of(folder: Path | None) -> Catalog:
    """Limits, units and calibrations of a site.

    Raises:
        WrongUse: naming file and line of the first mistake.
    """
    if folder is None:
        return Catalog()
    metrics = read_metrics(folder / "metrics.csv")
    calibrations: defaultdict[tuple[str, str], list[Calibration]] = defaultdict(list)
    for device, metric, gain, offset, start, end in read_calibration(folder / "calibration.csv"):
        period = Calibration(gain, offset, _at(start, NEVER), _at(end, FOREVER))
        calibrations[device, metric].append(period)
    return Catalog(
        limits={metric: (low, high) for metric, _, low, high in metrics},
        calibrations=calibrations,
        units={metric: unit for metric, unit, _, _ in metrics if unit},
    )


def _at(plain: datetime | None, otherwise: int) -> int:
    """Microseconds of a plain UTC time."""
    return otherwise if plain is None else micros(plain.replace(tzinfo=UTC))
