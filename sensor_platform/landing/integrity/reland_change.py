"""What landing a segment again changes: rows, devices and metrics, before and after."""

from dataclasses import dataclass

import polars as pl

from sensor_platform.landing.integrity.shared_files import RowFiles
from sensor_platform.landing.ledger.manifest import Manifest

_COMPARED = ["position", "device_id", "metric"]


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """Readings of one segment before and after."""

    segment: str
    rows_before: int
    rows_after: int
    lost: int
    """Readings that messages give less than before; what others give more does not make up for it."""
    gained_devices: tuple[str, ...] = ()
    lost_devices: tuple[str, ...] = ()
    gained_metrics: tuple[str, ...] = ()
    lost_metrics: tuple[str, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether anything differs that is compared."""
        names = (self.gained_devices, self.lost_devices, self.gained_metrics, self.lost_metrics)
        return self.rows_before != self.rows_after or bool(self.lost) or any(names)


def change_of(manifest: Manifest, files: RowFiles, readings: pl.DataFrame) -> SegmentChange:
    """The change of one segment.

    Args:
        manifest: of what it is now.
        files: finds its readings that are visible now.
        readings: what it would be, with `position`, `device_id` and `metric`.
    """
    return compare(manifest.segment, files.rows_of(manifest, _COMPARED), readings)


def compare(segment: str, before: pl.DataFrame, after: pl.DataFrame) -> SegmentChange:
    """The change from some readings of a segment to others; both may be without columns where they are empty."""
    devices, metrics = (_names(before, after, column) for column in ("device_id", "metric"))
    return SegmentChange(segment, len(before), len(after), lost_rows(before, after), *devices, *metrics)


def lost_rows(before: pl.DataFrame, after: pl.DataFrame) -> int:
    """Sum over the messages that give fewer readings after than before: how many fewer."""
    if before.is_empty():
        return 0
    counted = before.group_by("position").len("before")
    now = after if len(after) else before.clear()
    counted = counted.join(now.group_by("position").len("after"), on="position", how="left")
    fewer = counted["before"].cast(pl.Int64) - counted["after"].fill_null(0).cast(pl.Int64)
    return int(fewer.clip(lower_bound=0).sum())


def _names(before: pl.DataFrame, after: pl.DataFrame, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Gained and lost values of a column."""
    old, new = (set(rows[column].unique().to_list()) if len(rows) else set() for rows in (before, after))
    return tuple(sorted(new - old)), tuple(sorted(old - new))
