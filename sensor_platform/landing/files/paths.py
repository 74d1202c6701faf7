"""Paths of the files of a segment. Device ids, metrics and topics are never part of a path."""

import os
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.wal import parse_name


@dataclass(frozen=True, slots=True)
class SegmentPaths:
    """Files that landing one segment makes. The day is that of its first message."""

    landing: Path
    quarantine: Path
    raw: Path


def segment_paths(home: Home, segment: str, first_received_at: int | None, suffix: str = "") -> SegmentPaths:
    """Paths of one segment.

    Args:
        home: the data folder.
        segment: its name.
        first_received_at: of its first message, microseconds; None if it has none.
        suffix: of the names of landing and quarantine file.
    """
    if first_received_at is None:
        name = parse_name(segment)
        first_received_at = name.boot * 1000 if name else 0
    day = utc_from_micros(first_received_at).date().isoformat()
    return SegmentPaths(
        landing=home.landing / day / f"{segment}{suffix}.parquet",
        quarantine=home.quarantine / day / f"{segment}{suffix}.parquet",
        raw=home.raw / day / f"{segment}.zst",
    )


def aside(home: Home) -> Path:
    """Folder of files that are out of use, kept for a person to look at."""
    return home.root / "aside"


def set_aside(home: Home, path: Path) -> Path:
    """Move a file to the folder `aside`; returns the new path. Nothing is overwritten."""
    folder = aside(home)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.name}.{number}"
    os.replace(path, target)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
    fsync_folder(folder)
    fsync_folder(path.parent)
    return target
