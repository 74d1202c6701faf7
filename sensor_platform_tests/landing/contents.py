"""What a home holds, whatever its files are called."""

from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.quarantine.listing import waiting
from sensor_platform_tests.landing.forgets import readings, rejects
from sensor_platform_tests.landing.homes import tables


def contents(home: Home) -> list[object]:
    """Readings, rejects and counts."""
    return [
        sorted(readings(home).drop("tags", strict=False).rows(), key=repr),
        sorted(rejects(home).rows(), key=repr),
        waiting(home),
        [row for row in tables(home)["counts"] if any(row[2:])],
        [(hour.received, hour.quarantined, hour.difference) for hour in audit(home).hours],
    ]
