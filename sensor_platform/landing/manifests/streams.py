"""All manifests in the order of their commits, one at a time: what a ledger is rebuilt from."""

import heapq
import sqlite3
from collections.abc import Iterator
from datetime import date
from operator import attrgetter

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, start_of_day
from sensor_platform.landing.ledger.count_rows import add_file_counts
from sensor_platform.landing.ledger.manifest import OUTCOMES, Manifest, manifest_path, read_manifest
from sensor_platform.landing.ledger.summing import segments_to_sum, sum_up
from sensor_platform.landing.manifests.bundle_paths import bundle_keys, day_key
from sensor_platform.landing.manifests.bundles import bundled_manifests
from sensor_platform.landing.manifests.count_files import counts_file
from sensor_platform.landing.manifests.counts_table import read_counts
from sensor_platform.landing.manifests.manifest_store import is_gone

_TIME = attrgetter("written_at", "segment")


def manifests_in_order(home: Home) -> Iterator[Manifest]:
    """Every manifest with its counts, by commit time. In memory are those of one bundle, and the names of the others.

    Raises:
        CheckFailed: a manifest is damaged.
        WrongUse: one is of a newer version.
    """
    paths = sorted((home.ledger / "segments").glob("*.json"))
    loose = sorted((manifest.written_at, manifest.segment) for manifest in map(read_manifest, paths))
    return heapq.merge(
        _bundled(home, {segment for _, segment in loose}),
        (read_manifest(manifest_path(home, segment)) for _, segment in loose),
        key=_TIME,
    )


def _bundled(home: Home, loose: set[str]) -> Iterator[Manifest]:
    for key in bundle_keys(home):
        for manifest in bundled_manifests(home, key):
            if manifest.segment not in loose and not is_gone(manifest_path(home, manifest.segment)):
                yield manifest


class DaysToSum:
    """Sums up days that have a bundle of their own, once all of a day is there, within the caller's transaction."""

    def __init__(self, home: Home, ledger: sqlite3.Connection) -> None:
        self.home = home
        self.ledger = ledger
        self.days = [start_of_day(date.fromisoformat(key)) for key in bundle_keys(home) if "/" not in key]

    def sum_before(self, at: int) -> None:
        """Sum up the days that end at or before a time, microseconds."""
        while self.days and self.days[0] + DAY <= at:
            self._sum_up(self.days.pop(0))

    def _sum_up(self, day: int) -> None:
        table = read_counts(counts_file(self.home, day))
        names = {manifest.segment for manifest in bundled_manifests(self.home, day_key(day))}
        segments = [name for name in segments_to_sum(self.ledger, day) if name in names]
        sums = table.group_by("hour").agg(pl.col(OUTCOMES).sum())
        add_file_counts(self.ledger, sums.select("hour", *OUTCOMES).rows())
        sum_up(self.ledger, day, segments, table["hour"].unique())
