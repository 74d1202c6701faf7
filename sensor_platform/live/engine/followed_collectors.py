"""Reads the committed messages of every collector of a home, each from the place up to which it was read before."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.ledger import LandedSegmentsOf
from sensor_platform.wal import Batch, Place, SegmentGone, Tail

log = logging.getLogger(__name__)
_MOST_BYTES = 4 << 20
"""Bytes of one collector that one step reads at most."""

CollectorBatches = Sequence[tuple[str, Sequence[Batch]]]
"""Batches by collector."""


@dataclass(slots=True)
class FollowedCollectors:
    """All collectors that were found so far. Belongs to the engine's thread."""

    home: Home
    gaps: list[str]
    """Takes a text for each gap in the segments."""
    tails: dict[str, Tail] = field(default_factory=dict)

    @property
    def places(self) -> tuple[tuple[str, Place], ...]:
        """Place up to which each collector was read."""
        return tuple((name, tail.place) for name, tail in self.tails.items())

    @property
    def lag_bytes(self) -> int:
        """Committed bytes that are not read yet."""
        return sum(tail.lag_bytes for tail in self.tails.values())

    @property
    def damaged_bytes(self) -> int:
        """Bytes that could not be decoded."""
        return sum(tail.damaged_bytes for tail in self.tails.values())

    def follow(self, name: str, place: Place | None = None, folder: Path | None = None) -> None:
        """Follow a collector; does nothing if it is followed already.

        Args:
            name: of the collector.
            place: where to begin; None for its oldest segment.
            folder: with its committed mark; None to look for it.
        """
        if name in self.tails:
            return
        if folder is None:
            folder = self.home.ingest if (self.home.ingest / f"{name}.committed").exists() else self.home.wal
        self.tails[name] = Tail(self.home, name, LandedSegmentsOf(self.home, name), place, folder)

    def look_for_new(self) -> bool:
        """Follow collectors that have started since the last call; returns whether there were any."""
        known = len(self.tails)
        for folder in (self.home.wal, self.home.ingest):
            if folder.is_dir():
                for mark in folder.glob("*.committed"):
                    self.follow(mark.stem, None, folder)
        return len(self.tails) > known

    def read(self) -> tuple[CollectorBatches, bool]:
        """Read what was committed since the last call, up to a limit; the second value is True if there is more."""
        found: list[tuple[str, list[Batch]]] = []
        is_more = False
        for name, tail in self.tails.items():
            before = tail.place
            try:
                batches = tail.read(_MOST_BYTES)
            except SegmentGone as error:
                # The bytes are gone. Windows that were open stay incomplete; the tables have everything.
                log.warning("%s: %s; %s", name, error.message, error.hint)
                self.gaps.append(f"{name}: {error.message}")
                tail.skip_gap()
                batches = []
            found.append((name, batches))
            is_same = before.segment == tail.place.segment
            is_more |= (tail.place.offset - before.offset if is_same else tail.place.offset) >= _MOST_BYTES // 2
            is_more |= not is_same and bool(batches)
        return found, is_more

    def read_until(self, places: Sequence[tuple[str, Place]]) -> CollectorBatches:
        """Read the batches of a recorded step again; what cannot be read any more becomes a gap.

        Args:
            places: of the step; each collector is read up to its place.
        """
        return [(name, self._read_until(self.tails[name], place)) for name, place in places]

    def close(self) -> None:
        """Close every file and forget all collectors."""
        for tail in self.tails.values():
            tail.close()
        self.tails = {}

    def _read_until(self, tail: Tail, place: Place) -> list[Batch]:
        batches: list[Batch] = []
        try:
            while (tail.place.segment, tail.place.offset) < (place.segment, place.offset):
                before = tail.place
                batches += tail.read(until=place)
                if tail.place == before:
                    self.gaps.append(f"segment {place.segment} is shorter than {place.offset} bytes now")
                    tail.close()
                    tail.place = place
        except SegmentGone as error:
            self.gaps.append(error.message)
            tail.close()
            tail.place = place
        return batches
