"""Groups segments that are relanded in one step: those with rows in the same compacted file, which is then split."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.integrity.segment_state import read_state
from sensor_platform.landing.integrity.shared_files import RowFiles, compacted_segments


@dataclass(frozen=True, slots=True)
class Unit:
    """Segments that are relanded together."""

    segments: tuple[str, ...]
    compactions: tuple[str, ...] = ()
    """Compactions that hold rows of them."""


def units(home: Home, ledger: sqlite3.Connection, wanted: set[str], files: RowFiles) -> Iterator[Unit]:
    """The wanted segments in groups, by name.

    A damaged compacted file is made again as a whole: with one of its segments go all others.
    """
    members_of = {name: compacted_segments(home, ledger, name) for name in _damaged(ledger)}
    damaged = {name: members for name, members in members_of.items() if not wanted.isdisjoint(members)}
    groups = Groups()
    for segment in sorted(wanted.union(*damaged.values())):
        groups.join(segment)
        state = read_state(home, ledger, segment)
        for file in files.shared_by(state.whole) if state is not None else ():
            groups.join(segment, Path(file).stem)
    for name, members in damaged.items():
        for segment in members:
            groups.join(segment, name)
    yield from groups.units()


def _damaged(ledger: sqlite3.Connection) -> list[str]:
    rows = ledger.execute("select file from damaged_files where kind in ('landing', 'quarantine') order by file")
    return [stem for (file,) in rows if (stem := Path(file).stem).startswith("compact-")]


class Groups:
    """Joins segments by the compactions that they share."""

    def __init__(self) -> None:
        self._group: dict[str, dict[str, None]] = {}
        """Each segment or compaction to all names of its group, in order."""

    def join(self, segment: str, compaction: str | None = None) -> None:
        """Put a segment and a compaction into one group."""
        group = self._group.setdefault(segment, {segment: None})
        if compaction is None:
            return
        other = self._group.setdefault(compaction, {compaction: None})
        if other is group:
            return
        small, large = sorted((group, other), key=len)
        large.update(small)
        for name in small:
            self._group[name] = large

    def units(self) -> Iterator[Unit]:
        """The groups."""
        done: set[int] = set()
        for group in self._group.values():
            if id(group) not in done:
                done.add(id(group))
                names = sorted(group)
                yield Unit(
                    tuple(name for name in names if not name.startswith("compact-")),
                    tuple(name for name in names if name.startswith("compact-")),
                )
