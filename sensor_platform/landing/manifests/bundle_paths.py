"""Where bundles of manifests are: `ledger/bundles/<key>.jsonl.zst`. The key is a day or an hour of it."""

from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros

SUFFIX = ".jsonl.zst"


def hour_key(at: int) -> str:
    """Key of the hour of a time, microseconds since the epoch, UTC."""
    return f"{utc_from_micros(at):%Y-%m-%d/%H}"


def day_key(at: int) -> str:
    """Key of the UTC day of a time."""
    return f"{utc_from_micros(at):%Y-%m-%d}"


def folder_of(home: Home) -> Path:
    """Folder of the bundles."""
    return home.ledger / "bundles"


def bundle_path(home: Home, key: str) -> Path:
    """Path of a bundle."""
    return folder_of(home) / f"{key}{SUFFIX}"


def bundle_keys(home: Home, since: str = "") -> list[str]:
    """Keys of all bundles in order of time, of the day `since` and later.

    Hours of a day with a bundle of its own are left out: they are left over from its making.
    """
    folder = folder_of(home)
    days = {path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}")}
    hours = {
        f"{path.parent.name}/{path.name.removesuffix(SUFFIX)}"
        for path in folder.glob(f"*/*{SUFFIX}")
        if path.parent.name not in days
    }
    return sorted(key for key in days | hours if key >= since)


def hours_of(home: Home, day: str) -> list[str]:
    """Keys of the hours of a day that have a bundle."""
    return sorted(f"{day}/{path.name.removesuffix(SUFFIX)}" for path in folder_of(home).glob(f"{day}/*{SUFFIX}"))
