"""Names of devices in bundles and files of counts: where they are, and how they are taken out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger.manifest import manifest_path
from sensor_platform.landing.manifests.bundle_paths import bundle_keys
from sensor_platform.landing.manifests.bundles import names_with, segments_counting
from sensor_platform.landing.manifests.counts_table import read_counts, summed, write_counts
from sensor_platform.landing.manifests.manifest_store import is_gone


def names_in_bundles(home: Home, words: Sequence[bytes], devices: Collection[str]) -> list[str]:
    """Segments whose bundled manifest holds one of the words, or has counts of one of the devices; in order of time.

    A manifest that a file of its own has replaced or ended since does not count: upkeep takes it out of its bundle.
    """
    found: list[str] = []
    for key in bundle_keys(home):
        named = {*names_with(home, key, words), *segments_counting(home, key, devices)}
        found += sorted(name for name in named if not is_replaced(home, name))
    return found


def is_replaced(home: Home, segment: str) -> bool:
    """Whether a file of its own has replaced or ended a bundled manifest since."""
    path = manifest_path(home, segment)
    return path.exists() or is_gone(path)


def forget_in_files(home: Home, devices: Mapping[str, int]) -> None:
    """Count the messages of devices as those of no known device, in every file of counts. May be repeated.

    Args:
        home: the data folder.
        devices: name to the newest hour of arrival in which it is forgotten, microseconds.
    """
    for path in sorted((home.ledger / "counts").glob("*.parquet")) if devices else []:
        _forget(path, devices)


def _forget(path: Path, devices: Mapping[str, int]) -> None:
    table = read_counts(path)
    is_named = pl.any_horizontal(
        *((pl.col("device_id") == device) & (pl.col("hour") <= hour) for device, hour in devices.items())
    )
    named = table.filter(is_named)
    if named.is_empty():
        return
    nobody = named.with_columns(
        device_id=pl.lit(UNKNOWN_DEVICE),
        first_sequence=pl.lit(None, pl.Int64),
        last_sequence=pl.lit(None, pl.Int64),
        sequences=pl.lit([], pl.List(pl.Int64)),
    )
    write_counts(path, summed(pl.concat([table.filter(~is_named), nobody])))
