"""Lands sealed segments, in an order that a crash at any point cannot harm.

Files, then manifest, then ledger commit (which alone makes them visible), then the WAL is deleted. A WAL that is still
there is landed again: files of the same names are written over, and a segment is committed once, by its primary key.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.forget.standing import Standing, standing_rules
from sensor_platform.landing.ledger.commit import commit_segment
from sensor_platform.landing.ledger.commit_checks import RulesChanged
from sensor_platform.landing.ledger.manifest import Manifest, no_manifest, write_manifest
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.summing import is_committed, summed_day
from sensor_platform.landing.manifests.manifest_store import find_manifest
from sensor_platform.landing.stage import stage_segment
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.reading.decode import Decoder
from sensor_platform.wal import DamagedSegment, DeviceOutbox, delete_segment


@dataclass(slots=True)
class Lander:
    """Lands the segments of one home. One at a time per home: hold `lander_lock`."""

    home: Home
    ledger: sqlite3.Connection
    decoder: Decoder
    contract_version: str
    slot: int
    """Length of a slot in microseconds."""
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    outbox: DeviceOutbox = field(init=False)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Segments of a format that this version does not read, with the reason. They stay in the WAL."""

    def __post_init__(self) -> None:
        self.outbox = DeviceOutbox(self.home, self.clock)

    def decode_with(self, contracts: Sequence[Contract], limits: TimeLimits) -> None:
        """Decode the segments from here on with other contracts. What devices said before is still known."""
        self.decoder = Decoder(contracts, limits, self.decoder.memory)
        self.contract_version = contract_version(contracts)

    def land_sealed(self) -> Iterator[Manifest]:
        """Land every sealed segment, oldest first; yields the manifest of each.

        Raises:
            OSError: the disk does not allow it now; nothing is lost, call again.
        """
        for sealed in sorted(self.home.wal.glob("*.wal")):
            try:
                yield self.land(sealed)
            except DamagedSegment as error:
                self.unreadable[sealed.stem] = error.message

    def land(self, sealed: Path) -> Manifest:
        """Land one sealed segment, or only finish it if the ledger has it already."""
        if not is_committed(self.ledger, sealed.stem):
            memory = self.decoder.memory
            manifest = self._commit(sealed)
            self.outbox.ask(sealed.stem, memory.rebirths)
            memory.keep()
        else:
            manifest = self._finish(sealed)
        delete_segment(sealed)
        return manifest

    def _commit(self, sealed: Path) -> Manifest:
        """Stage a segment and commit it; again where the rules of what is forgotten changed meanwhile."""
        memory = self.decoder.memory
        while True:
            memory.forget()  # discard state of a failed attempt
            rules = standing_rules(self.ledger)
            staged = self._stage(sealed, rules)
            manifest = structs.replace(staged, heard=())
            write_manifest(self.home, manifest)
            with contextlib.suppress(RulesChanged):
                commit_segment(self.ledger, manifest, memory=memory, rules=rules.text, heard=staged.heard)
                return manifest

    def _stage(self, sealed: Path, rules: Standing) -> Manifest:
        return stage_segment(
            self.home, sealed, self.decoder, self.contract_version, self.slot, self._now, forgets=rules
        )

    def _now(self) -> int:
        return next_commit_time(self.ledger, self.clock())

    def _finish(self, sealed: Path) -> Manifest:
        """Finish after a kill between commit and delete: check the committed files, stage them again if damaged."""
        manifest = self._manifest(sealed.stem)
        if manifest is not None and self._is_whole(manifest):
            return manifest
        if (day := summed_day(self.ledger, sealed.stem)) is not None:  # committed so long ago that nothing tells more
            set_aside(self.home, sealed)
            return manifest or no_manifest(sealed.stem, day)
        if manifest is not None and self._is_compacted(sealed.stem):
            # its readings are in a larger file now; landing them again would duplicate them
            set_aside(self.home, sealed)
            return manifest
        staged = self._stage(sealed, standing_rules(self.ledger))
        self.decoder.memory.forget()
        if manifest is not None:  # drift was new at the first attempt and is known now
            staged = structs.replace(staged, drift=manifest.drift, kinds=manifest.kinds)
        commit_segment(self.ledger, staged, instead_of=manifest or staged)
        write_manifest(self.home, staged)  # last: until then the old manifest names what the commit must take back
        return staged

    def _is_whole(self, manifest: Manifest) -> bool:
        """Whether ledger, manifest and disk agree about the files of a segment that are still in use."""
        expected = {entry.file: entry.sha256 for entry in manifest.files}
        rows = self.ledger.execute(
            "select file, sha256 from files where segment = ? and replaced_at is null", (manifest.segment,)
        )
        for file, digest in rows:
            path = self.home.root / file
            if expected.get(file) != digest or not path.exists() or sha256(path) != digest:
                return False
        return True

    def _is_compacted(self, segment: str) -> bool:
        visible = self.ledger.execute(
            "select 1 from files where segment = ? and kind = 'landing' and replaced_at is null", (segment,)
        )
        (readings,) = self.ledger.execute("select readings from segments where segment = ?", (segment,)).fetchone()
        return readings > 0 and visible.fetchone() is None

    def _manifest(self, segment: str) -> Manifest | None:
        """The manifest of a committed segment, or None if it is missing or damaged: staging makes it again."""
        try:
            return find_manifest(self.home, self.ledger, segment)
        except CheckFailed:
            return None
