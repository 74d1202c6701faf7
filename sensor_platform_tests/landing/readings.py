"""The readings of a home."""

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger import landing_files, read_ledger, slots_between


def rows(home: Home) -> list[tuple[object, ...]]:
    """Every visible reading; tags as text."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = [file.path for file in landing_files(ledger, home, slots_between(ledger, 0, 1 << 60))]
    frame = pl.concat([pl.read_parquet(path) for path in paths])
    return sorted(frame.rows(), key=repr)
